"""R's packages in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges

TREE = r"""
        /usr/lib/R/library/stats/DESCRIPTION: Package: stats\n
        /app/run.R: # library(no)\nlibrary(ggplot2)\nx <- "library(no)"\nif (a) stats::lm(y)\n
        /usr/lib/R/site-library/ggplot2/DESCRIPTION: Package: ggplot2\nDepends: R (>= 3.3)\nImports: cli,\n  rlang (>= 1.0)\n
        /usr/lib/R/site-library/ggplot2/R/ggplot2.rdb: d
        /usr/lib/R/site-library/ggplot2/help/ggplot2.rdb: h
        /usr/lib/R/site-library/cli/DESCRIPTION: Package: cli
        /usr/lib/R/site-library/cli/libs/cli.so: so
        /usr/lib/R/site-library/rlang/DESCRIPTION: Package: rlang
        /usr/lib/R/site-library/no/DESCRIPTION: Package: no
"""


def test_packages_are_kept_with_what_loading_them_reads() -> None:
    assert edges(closed(TREE, ["/app/run.R"])).splitlines() == [
        "/app/run.R:2 ggplot2 -> /usr/lib/R/site-library/ggplot2/DESCRIPTION (library)",
        "/app/run.R:2 ggplot2 -> /usr/lib/R/site-library/ggplot2/R/ggplot2.rdb (library)",
        "/app/run.R:4 stats -> /usr/lib/R/library/stats/DESCRIPTION (::, lazy)",
        "/usr/lib/R/site-library/ggplot2/DESCRIPTION:3 cli -> /usr/lib/R/site-library/cli/DESCRIPTION (Imports)",
        "/usr/lib/R/site-library/ggplot2/DESCRIPTION:3 cli -> /usr/lib/R/site-library/cli/libs/cli.so (Imports)",
        "/usr/lib/R/site-library/ggplot2/DESCRIPTION:4 rlang -> /usr/lib/R/site-library/rlang/DESCRIPTION (Imports)",
    ]


def test_data_sets_come_where_they_are_visible_and_other_data_with_r_itself() -> None:
    library = "/usr/lib/R/library"
    tree = rf"""
        /app/run.R: library(whales)\n
        {library}/whales/DESCRIPTION: Package: whales\nImports: krill\nDepends: grDevices\n
        {library}/whales/data/Rdata.rdb: d
        {library}/whales/Meta/package.rds: p
        {library}/whales/Meta/hsearch.rds: h
        {library}/whales/extdata/example.jpg: e
        {library}/krill/DESCRIPTION: Package: krill\n
        {library}/krill/data/Rdata.rdb: d
        {library}/krill/R/krill.rdb: k
        {library}/grDevices/DESCRIPTION: Package: grDevices\nPriority: base\n
        {library}/grDevices/afm/Helvetica.afm.gz: a
        {library}/grDevices/help/grDevices.rdb: h
    """
    targets = {edge.target.removeprefix(f"{library}/") for edge in closed(tree, ["/app/run.R"]).edges}
    assert sorted(target for target in targets if not target.endswith("DESCRIPTION")) == [
        "grDevices/afm/Helvetica.afm.gz",
        "krill/R/krill.rdb",
        "whales/Meta/package.rds",
        "whales/data/Rdata.rdb",
    ]
