"""A report describes packages and the rest of the attack surface."""

from __future__ import annotations

import json

import jsonschema

from tests.sample_images import plan_sample
from tracewhale.report.json import dumps, schema
from tracewhale.report.model import Report
from tracewhale.report.text import render, render_plan, render_verbose


def test_the_text_counts_and_names_packages() -> None:
    report = Report("plan", "t", "i", plan=plan_sample()[1])
    lines = render_verbose(report).splitlines()
    at = lines.index("packages")
    assert lines[at : at + 4] == [
        "packages",
        "  4 whole: libb, libc6, x, y",
        "  1 in part: tool",
        "  1 left out: unused",
    ]


def test_the_text_counts_what_is_left_to_attackers() -> None:
    words = " ".join(render(Report("plan", "t", "i", plan=plan_sample()[1])).split())
    assert "surface setuid files 0 -> 0, shells 0 -> 0, package managers 0 -> 0, compilers 0 -> 0" in words


def test_reasons_of_what_is_carried_are_clauses() -> None:
    text = render_plan(plan_sample()[1])
    assert "licence of libc6" in text
    assert "record of libc6" in text
    assert "name and release of distribution" in text


def test_the_object_has_packages_and_obeys_its_schema() -> None:
    found = json.loads(dumps(Report("plan", "t", "i", plan=plan_sample()[1])))
    jsonschema.validate(found, schema())
    packages = found["plan"]["packages"]
    assert packages["distribution"] == {"id": "debian", "version": ""}
    assert [(p["id"], p["whole"]) for p in packages["kept"]] == [
        ("deb:libb@1:1.0", True),
        ("deb:libc6@2.36-9", True),
        ("deb:tool@3", False),
        ("npm:x@1.0", True),
        ("npm:y@1.0", True),
    ]
    assert [p["name"] for p in packages["left_out"]] == ["unused"]
    files = {each["path"]: each for each in found["plan"]["files"]}
    assert files["/usr/lib/libc.so.6"]["packages"] == ["deb:libc6@2.36-9"]
    assert files["/opt/app/main"]["packages"] == []
    assert files["/var/lib/dpkg/status.d/tool"]["generated"]
    assert not files["/var/lib/dpkg"]["generated"]
