"""The recipe of the new image: its layers, its configuration, labels, and an SBOM inside."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.sample_images import CONFIG, ORIGINAL, plan_sample, tree_of, write_sample
from tests.trees import MemoryTree
from tracewhale import __version__
from tracewhale.errors import NoSpace, UsageError
from tracewhale.image import Image, Overrides
from tracewhale.image.archive import write_oci_layout
from tracewhale.image.packing import layers
from tracewhale.image.recipe import PLAIN, Original, Recipe, override, reserve, write
from tracewhale.plan.model import Options
from tracewhale.plan.passes import make_plan
from tracewhale.plan.reasons import Reason
from tracewhale.rootfs.tree import View, parent
from tracewhale.tracing.events import Event, Trace
from tracewhale.why.label import LABEL, of_config


def config(image: Image) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(image.config)
    return loaded


def test_labels_only_add() -> None:
    recipe = Recipe(words=("--exclude", "*.so x"))
    with write_sample(recipe) as (made, _):
        new = config(made.image)
    ledger = of_config(new)
    assert ledger is not None
    assert len(ledger.reasons) == len(made.plan.kept)
    del new["config"]["Labels"][LABEL]
    assert new["config"].pop("Labels") == {
        "a": "1",
        "org.opencontainers.image.base.name": "its own",
        "org.opencontainers.image.base.digest": ORIGINAL.digest,
        "tracewhale.version": __version__,
        "tracewhale.options": "--exclude '*.so x'",
    }
    expected = {k: v for k, v in CONFIG["config"].items() if k != "Labels"}
    assert new["config"] == expected, "all else as it was"
    assert new["created"] == CONFIG["created"]


def test_a_manifest_says_what_the_image_is_made_from(tmp_path: Path) -> None:
    with write_sample() as (made, _):
        write_oci_layout(made.image, str(tmp_path / "layout"), "v1")
    index = json.loads((tmp_path / "layout/index.json").read_text())
    blob = index["manifests"][0]["digest"].replace(":", "/")
    manifest = json.loads((tmp_path / "layout/blobs" / blob).read_text())
    assert manifest["annotations"] == {
        "org.opencontainers.image.base.name": "debian:12",
        "org.opencontainers.image.base.digest": ORIGINAL.digest,
        "tracewhale.version": __version__,
    }


def test_more_than_the_disk_has_free_is_refused_before_it_is_written() -> None:
    """A sparse file of a few bytes may say that it has any size."""
    made, plan = plan_sample()
    kept = {
        path: replace(each, entry=replace(each.entry, size=1 << 60)) if path == "/opt/app/main" else each
        for path, each in plan.kept.items()
    }
    writing = write(made.view, replace(plan, kept=kept), ORIGINAL, PLAIN, {})
    with pytest.raises(NoSpace, match="GB are to be written"), writing:
        pass


def test_what_nobody_else_knows_is_not_told() -> None:
    with write_sample(original=Original("", "", {})) as (made, _):
        labels = config(made.image)["config"]["Labels"]
        assert {**labels, LABEL: ""} == {"tracewhale.version": __version__, LABEL: ""}


def test_the_users_labels_are_there_when_it_is_verified() -> None:
    with write_sample(Recipe(Overrides(labels={"a": "2", "b": "3"}))) as (made, _):
        labels = config(made.image)["config"]["Labels"]
        assert (labels["a"], labels["b"]) == ("2", "3")
        assert override(made.image, Recipe(Overrides(labels={"a": "2"}))) is None


def test_what_would_run_otherwise_comes_after_that() -> None:
    recipe = Recipe(Overrides(cmd=("/bin/other",), env={"A": "b"}, user="7", workdir="/opt", expose=("80",)))
    with write_sample(recipe) as (made, _):
        assert config(made.image)["config"]["Cmd"] == ["/opt/app/main"]
        final = override(made.image, recipe)
        assert final is not None
        new = config(final)
        assert final.layers == made.image.layers
    assert new["config"]["Cmd"] == ["/bin/other"]
    assert (new["config"]["Env"], new["config"]["User"]) == (["A=b"], "7")
    assert (new["config"]["WorkingDir"], new["config"]["ExposedPorts"]) == ("/opt", {"80/tcp": {}})
    assert new["config"]["Labels"]["tracewhale.version"] == __version__


def test_source_date_epoch_is_when_it_was_made() -> None:
    with write_sample(environ={"SOURCE_DATE_EPOCH": "86400"}) as (made, _):
        assert config(made.image)["created"] == "1970-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("most", "files"),
    [
        (1, ["*"]),
        (2, ["/usr/bin/tool /usr/lib/libb.so.1 /usr/lib/libc.so.6", "/opt/app/main"]),
        (3, ["/usr/bin/tool", "/usr/lib/libb.so.1 /usr/lib/libc.so.6", "/opt/app/main"]),
        (4, ["/usr/lib/libc.so.6", "/usr/bin/tool", "/usr/lib/libb.so.1", "/opt/app/main"]),
        (99, ["/usr/lib/libb.so.1", "/usr/lib/libc.so.6", "/usr/bin/tool", "/opt/app/main"]),
    ],
)
def test_layers_are_of_packages(most: int, files: list[str]) -> None:
    _, plan = plan_sample("/lib/libc.so.6", "/lib/libb.so.1", "/usr/bin/tool", "/opt/app/main")
    found = layers(plan, most)
    shown = {"/usr/lib/libc.so.6", "/usr/lib/libb.so.1", "/usr/bin/tool", "/opt/app/main"}
    if most > 1:
        assert [" ".join(p for p in some if p in shown) for some in found] == files
    assert set().union(*found) == set(plan.kept)
    assert all(parent(path) in some for some in found for path in some)
    assert sum(path in some for some in found for path in ("/usr/share/doc/libc6/copyright",)) == 1


def test_what_most_programs_need_is_lowest() -> None:
    _, plan = plan_sample()
    kept = plan.kept["/usr/bin/tool"]
    needed = tuple(Reason("needed", f"/opt/{n}") for n in range(3))
    plan = replace(plan, kept={**plan.kept, "/usr/bin/tool": replace(kept, reasons=needed)})
    assert "/usr/bin/tool" in layers(plan, 9)[0]


@pytest.mark.parametrize("most", [2, 3, 9])
def test_layers_add_up_to_the_same_files(most: int) -> None:
    with write_sample() as (_, one), write_sample(Recipe(layers=most)) as (made, many):
        assert len(made.image.layers) > 1
        for path in one.paths():
            (a,), (b,) = one.pack([path]), many.pack([path])
            assert (b.entry.kind, b.entry.mode, b.entry.mtime_ns, b"".join(b.chunks)) == (
                a.entry.kind,
                a.entry.mode,
                a.entry.mtime_ns,
                b"".join(a.chunks),
            )
        assert one.paths() == many.paths()


@pytest.mark.parametrize(("form", "ending"), [("spdx", "spdx"), ("cyclonedx", "cdx")])
@pytest.mark.parametrize("most", [1, 3])
def test_an_sbom_inside_names_all_files_but_itself(form: str, ending: str, most: int) -> None:
    place = f"/var/lib/db/sbom/tracewhale.{ending}.json"
    with write_sample(Recipe(sbom_inside=True, form=form, layers=most)) as (made, tree):
        (content,) = tree.read([(place, 0, -1)])
        assert content is not None
        assert made.plan.kept[place].content == content
        assert made.plan.kept[place].entry.size == len(content)
        assert made.plan.kept[place].entry.mtime_ns == 1767323045 * 1_000_000_000
        text = content.decode()
        assert "/usr/lib/libc.so.6" in text
        assert "/opt/app/main" in text
        assert place not in text
        assert tree.paths() == list(tree_of(made.image).paths())


@pytest.mark.parametrize("odd", ["/var -> /", "/var/lib/db -> ../../x", "/var/lib/db: a file"])
def test_an_sbom_inside_has_its_place_or_is_refused(odd: str) -> None:
    view = View(MemoryTree(f"/x: x\n{odd}"))
    plan = make_plan(view, Trace("t", "i", "p", {}, frozenset({Event("/x", "read", "/x", True)})), Options())
    with (
        pytest.raises(UsageError, match="--sbom-in-image: the image has something else where"),
    ):
        reserve(view, plan, ORIGINAL, Recipe(sbom_inside=True))
