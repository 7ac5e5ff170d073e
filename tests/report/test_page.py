"""The report as an HTML file: what is in it, how large it is, and what cannot be in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from typing import Any

import pytest

from tests.report.documents import EVIL, hostile, large, report
from tracewhale.errors import UsageError
from tracewhale.report.document import ReportDocument, of_ledger, of_value
from tracewhale.report.json import to_json
from tracewhale.report.page import render
from tracewhale.why import from_report

VALUE = to_json(report())
VALUE["plan"]["units"]["levels"] = {"touched": 5_000_000, "package": 20_000_000}
WHOLE = render(of_value(VALUE))


def data_of(page: str) -> dict[str, Any]:
    """The data that a page's script unpacks."""
    found = re.search(r'id="data">([A-Za-z0-9+/=]+)</script>', page)
    assert found
    value: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return value


def test_a_page_of_5000_paths_has_less_than_300_kb() -> None:
    document = of_value(large())
    assert len(document.files) > 5000
    assert len(render(document).encode()) < 300_000


def test_only_the_page_s_own_style_and_script_are_allowed() -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', WHOLE)
    script = re.search(r"<script>(.*?)</script>", WHOLE, re.DOTALL)
    assert policy
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")
    assert f"script-src 'sha256-{digest}';" in policy[1]
    assert "unsafe" not in policy[1]


def test_nothing_of_another_place_is_loaded() -> None:
    assert re.findall(r"(?:src|href)=\"(?!#)", WHOLE) == []
    assert "url(" not in WHOLE


def test_no_name_is_markup() -> None:
    page = render(of_value(hostile()))
    assert "<img" not in page
    assert len(re.findall("<script", page)) == 2
    assert page.count("&lt;script&gt;window.hit=1") >= 10
    assert EVIL in json.dumps(data_of(page))  # text of the data, which the browser's test looks at


@pytest.mark.parametrize(
    "words",
    [
        "100.0 MB <span class=\"to\">to</span> 10.0 MB",
        "No, 1 of 2 requests are answered otherwise, the first GET /other: status 404 and 500.<",
        '<span class="bad">otherwise:</span> status 404 and 500',
        '<span class="good">alike</span>',
        "the last 2 of 4 steps brought nothing new",
        "<code>--keep touched</code>",
        "<summary>In part: 1</summary>",
        "new paths: 1; paths that are gone: 1",
        "docker run slim:1",
    ],
)  # fmt: skip
def test_what_a_run_found_is_in_the_page(words: str) -> None:
    assert words in WHOLE


def test_the_chain_of_a_path_is_that_of_why() -> None:
    data = data_of(WHOLE)
    names, depths = data["names"].split("/"), data["depths"]
    number = names.index("libc.so.6")
    kind, by, detail = data["reasons"][data["why"][number][0]]
    assert data["clauses"][kind] == ["trace", "{detail} by {by}", " by {by}"]
    assert names[by] == "main"
    assert data["texts"][-1 - detail] == "read"
    assert names[data["next"][number]] == "main"
    assert depths[number] == 3


def test_a_label_gives_a_page_that_claims_no_more_than_it_knows() -> None:
    page = render(of_ledger("slim:1", from_report(to_json(report()))))
    assert '<p class="big">not known</p>' in page
    assert "An image&#39;s label does not tell it." in page
    assert data_of(page)["known"] is False


@pytest.mark.parametrize(
    "damage",
    [
        {"plan": None},
        {"plan": []},
        {"built": 3},
        {"trace": {"steps": [3]}},
        {"verification": {"answers": 1}},
        {"removed": {"places": 1, "packages": []}},
        {"seconds": {"x": "y"}},
        {"error": "text"},
    ],
)
def test_a_report_that_is_malformed_is_refused_in_a_sentence(damage: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"no readable"):
        of_value({**to_json(report()), **damage})


def test_a_report_may_name_paths_that_no_image_can_have() -> None:
    value = to_json(report())
    for path in ("relative", "", "//twice", "/a/../b", "/usr/lib"):
        value["plan"]["files"].append({**value["plan"]["files"][0], "path": path, "reasons": []})
    document: ReportDocument = of_value(value)
    assert "<h1>slim:1</h1>" in render(document)
