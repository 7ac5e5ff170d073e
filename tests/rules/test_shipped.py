"""Every shipped rule: when it triggers, when not, and what it keeps, drawn in cases/*.txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rules.pictures import Picture, cases
from tracewhale.rootfs.tree import View
from tracewhale.rules import Rule, apply, load

FILES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
CASES = {title: text for file in FILES for title, text in cases(file.read_text("utf-8")).items()}
RULES = {rule.name: rule for rule in load()}


def rule_of(title: str) -> str:
    return title.partition(":")[0]


@pytest.mark.parametrize("title", CASES)
def test_a_rule_keeps_what_is_drawn(title: str) -> None:
    picture = Picture(CASES[title])
    additions = apply(View(picture.tree), picture.kept, picture.objects, (RULES[rule_of(title)],))
    assert picture.with_added(addition.path for addition in additions) == picture.drawn
    assert {addition.rule for addition in additions} <= {rule_of(title)}
    assert {addition.because for addition in additions} <= picture.kept | {a.path for a in additions}


@pytest.mark.parametrize("title", CASES)
def test_what_more_is_kept_never_takes_from_a_rule(title: str) -> None:
    picture = Picture(CASES[title])
    view = View(picture.tree)
    few = apply(view, picture.kept, picture.objects, (RULES[rule_of(title)],))
    more = picture.kept | picture.tree.entries.keys()
    many = apply(view, more, picture.objects, (RULES[rule_of(title)],))
    assert {addition.path for addition in few} <= {addition.path for addition in many}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_a_source_and_cases_for_and_against(rule: Rule) -> None:
    assert len(rule.source) > 10
    marks = [
        {line[0] for line in text.splitlines() if line.strip()}
        for title, text in CASES.items()
        if rule_of(title) == rule.name
    ]
    assert any("+" in drawn for drawn in marks), "no case in which it keeps something"
    assert any("+" not in drawn and " " in drawn for drawn in marks), "none in which it leaves something"


def test_cases_are_of_rules_that_there_are() -> None:
    assert {rule_of(title) for title in CASES} == RULES.keys()
