"""Manual pages: one for each verb, with every option, and nothing that roff would take for an order."""

from __future__ import annotations

import re

import click
import pytest

from tracewhale.cli import main
from tracewhale.cli.group import VERBS
from tracewhale.cli.manual import pages

PAGES = dict(pages(main, "tracewhale"))
MACROS = {".TH", ".SH", ".TP", ".PP", ".nf", ".fi"}


def test_the_program_and_each_verb_have_a_page() -> None:
    assert PAGES.keys() == {"tracewhale.1", *(f"tracewhale-{verb}.1" for verb in VERBS)}
    for verb in VERBS:
        assert f"\\fBtracewhale\\-{verb}\\fR(1)\n" in PAGES["tracewhale.1"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_page_has_every_option(verb: str) -> None:
    page = PAGES[f"tracewhale-{verb}.1"]
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert param.opts[-1].replace("-", "\\-") in page


@pytest.mark.parametrize("name", PAGES)
def test_every_request_and_escape_is_one_of_ours(name: str) -> None:
    page = PAGES[name]
    requests = {line.split()[0] for line in page.splitlines() if line.startswith((".", "'"))}
    assert {".TH", ".SH"} <= requests <= MACROS
    assert set(re.findall(r"\\(?:f[BR]|.)", page)) <= {"\\fB", "\\fR", "\\-", "\\e", "\\&"}
    assert page.startswith(f'.TH "{name.removesuffix(".1").upper()}" "1"')
