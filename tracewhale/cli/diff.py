"""``tracewhale diff``: what differs between two images, traces, plans or lock files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache, partial
from typing import TYPE_CHECKING

import click

from tracewhale.cli.streams import echo
from tracewhale.cli.verb import context, verb
from tracewhale.cli.why import read_report
from tracewhale.diff import Snapshot, compare, of_lock, of_report, of_trace, of_view
from tracewhale.diff.compare import Digests, render, to_json
from tracewhale.diff.snapshot import digests
from tracewhale.errors import ExitCode
from tracewhale.report.names import JSON, TEXT
from tracewhale.rootfs.tree import View
from tracewhale.tracing import tracefile

if TYPE_CHECKING:
    from tracewhale.engines.registry import Engines


@click.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--json", "form", flag_value=JSON, default=TEXT, help="Print one JSON object.")
@verb
def diff(first: str, second: str, form: str) -> None:
    """Show what differs between two images, traces or plans: files, packages, configuration, rights, reasons.

    A and B are images or other targets, trace files, the JSON of `plan --json`, or lock files. Exits with 1
    if they differ.
    """
    with ExitStack() as stack:
        engines = cache(partial(_engines, stack))
        (ours, reading), (theirs, other) = (_snapshot(engines, name, stack) for name in (first, second))
        contents = (reading, other) if reading is not None and other is not None else None
        difference = compare(ours, theirs, contents)
    echo(json.dumps(to_json(difference)) + "\n" if form == JSON else render(difference))
    if difference.changes:
        sys.exit(ExitCode.MISSING)


def _engines(stack: ExitStack) -> Engines:
    """Return the engines. They are imported here because a comparison of plans does not need them."""
    from tracewhale.engines.registry import Engines

    return Engines(stack.enter_context(context(JSON, interactive=False)).progress)


def _snapshot(engines: Callable[[], Engines], name: str, stack: ExitStack) -> tuple[Snapshot, Digests | None]:
    """Return one side, and the function that hashes its files, if it has files."""
    if os.path.isfile(name):
        value = read_report(name)
        if value is None:
            return of_trace(tracefile.read(name)), None
        return (of_lock if "targets" in value else of_report)(name, value), None
    from tracewhale.engines.base import Request

    target = stack.enter_context(engines().open(name, Request(command=("true",))))
    view = View(stack.enter_context(target.tree()))
    return of_view(name, view, target.config), partial(digests, view)
