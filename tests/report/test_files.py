"""Reports for files: Markdown, ncdu's export, what was removed, and which ending means what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from tests.report.documents import hostile, report
from tests.sample_images import plan_sample
from tracewhale.report.document import of_ledger, of_value
from tracewhale.report.formats import FILE_FORMATS, format_of
from tracewhale.report.json import schema, to_json
from tracewhale.report.markdown import code
from tracewhale.report.names import HTML, JSON, MARKDOWN, NCDU, PREFETCH
from tracewhale.report.removed import RemovedPlace, places, survey
from tracewhale.report.sizes import human
from tracewhale.why import from_report

DOCUMENT = of_value(to_json(report()))


def test_the_comment_of_a_pull_request_has_sizes_verdict_and_growth() -> None:
    lines = FILE_FORMATS[MARKDOWN].render(DOCUMENT).splitlines()
    assert lines[:3] == ["### `slim:1`", "", lines[2]]
    assert lines[2].startswith("❌ **Not alike:** `no, 1 of 2 requests are answered otherwise")
    assert "| size | 100.0 MB | 10.0 MB (10 %) |" in lines
    assert "| packages | 6 | 5, 1 of them in part |" in lines
    assert "- `GET /other`: `status 404 and 500`" in lines
    assert "**Since the lock file:** +1.0 MB (+11.1 %), 1 new paths, 1 gone." in lines
    assert "- `/opt/app/new`" in lines


def test_a_comment_never_claims_that_an_image_was_run_that_was_not() -> None:
    value = to_json(replace(report(), verification=None))
    assert "⚪ **Not verified:** the new image was not run." in FILE_FORMATS[MARKDOWN].render(of_value(value))


def test_a_comment_of_a_label_claims_no_more_than_the_label_tells() -> None:
    lines = FILE_FORMATS[MARKDOWN].render(of_ledger("slim:1", from_report(to_json(report())))).splitlines()
    assert "⚪ **Verdict not known:** an image's label does not tell it." in lines
    assert not any("in part" in line for line in lines)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`", "`` ` ``"),
        ("a|b", "`a❘b`"),
        ("a\nb", "`a\\nb`"),
        ("x" * 400, f"`{'x' * 300}...`"),
    ],
)
def test_a_name_stays_in_its_code_span(text: str, span: str) -> None:
    assert code(text) == span


def test_no_hostile_name_leaves_its_code_span() -> None:
    for line in FILE_FORMATS[MARKDOWN].render(of_value(hostile())).splitlines():
        outside = "".join(line.split("`")[::2])
        assert "script" not in outside


def test_ncdu_s_export_is_a_tree_of_lists_with_sizes() -> None:
    major, minor, program, root = json.loads(FILE_FORMATS[NCDU].render(DOCUMENT))
    assert (major, minor, program["progname"]) == (1, 2, "tracewhale")
    assert root[0] == {"name": "/"}
    files: dict[str, Any] = {}
    pending = [("", root)]
    while pending:
        above, item = pending.pop()
        info = item[0] if isinstance(item, list) else item
        path = f"{above}/{info['name']}" if info["name"] != "/" else ""
        files[path] = info
        pending += [(path, child) for child in item[1:]] if isinstance(item, list) else []
    assert files["/usr/bin/tool"]["asize"] == len("the largest of them all")
    assert files["/usr/bin/unused"] == {"name": "unused", "excluded": "pattern"}
    assert sum(info.get("asize", 0) for info in files.values()) == DOCUMENT.kept_size


def test_what_was_opened_is_listed_in_its_order() -> None:
    text = FILE_FORMATS[PREFETCH].render(DOCUMENT)
    assert text == "/opt/app/main\n/usr/lib/libb.so.1\n/usr/lib/libc.so.6\n"
    assert [each.seconds for each in DOCUMENT.opened] == [0.0, 0.125, 0.125]


def test_a_report_as_json_is_what_was_read() -> None:
    assert json.loads(FILE_FORMATS[JSON].render(DOCUMENT)) == to_json(report())


def test_a_whole_report_obeys_its_schema() -> None:
    jsonschema.validate(to_json(report()), schema())


def test_every_kind_of_reason_is_in_the_schema() -> None:
    from tracewhale.plan.reasons import Why

    files = schema()["properties"]["plan"]["properties"]["files"]["items"]
    assert set(files["properties"]["reasons"]["items"]["properties"]["why"]["enum"]) == {w.value for w in Why}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.html", HTML), ("A.HTM", HTML), ("a.md", MARKDOWN), ("a.json", JSON), ("a.ncdu", NCDU),
        ("a.ncdu.json", NCDU), ("a.txt", ""), ("html", ""), ("-", ""),
    ],
)  # fmt: skip
def test_the_ending_says_the_form(name: str, form: str) -> None:
    assert format_of(name) == form


def test_what_is_removed_is_counted_with_its_packages() -> None:
    made, plan = plan_sample("/opt/app/main")
    removed = survey(made.view, plan)
    assert "/opt/app/main" not in [place.path for place in removed.places]
    assert sum(place.size for place in removed.places) == removed.size
    assert sum(place.files for place in removed.places) == removed.files
    assert ("deb:tool@3", 2, len("the largest of them all") + 1) in removed.packages
    assert removed.complete


def test_a_tree_that_is_too_large_is_looked_at_in_part_and_said_to_be() -> None:
    made, plan = plan_sample("/opt/app/main")
    assert not survey(made.view, plan, most=5).complete


def test_what_is_small_is_counted_where_it_is_not_too_small_to_show() -> None:
    sizes = {"/a/large": 10_000, "/a/b/c/1": 1, "/a/b/c/2": 1, **{f"/d/{n}": 5 for n in range(100)}}
    assert places(sizes) == (
        RemovedPlace("/a", 2, 2, True),
        RemovedPlace("/a/large", 1, 10_000, False),
        RemovedPlace("/d", 100, 500, True),
    )


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_951, "1.0 MB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_sizes_are_in_decimal_units(size: int, text: str) -> None:
    assert human(size) == text
