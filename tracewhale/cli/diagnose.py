"""``tracewhale diagnose``: why a command fails, and what to do."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import Any

import click

from tracewhale import examine
from tracewhale.cli import options, steps
from tracewhale.cli.streams import echo
from tracewhale.cli.verb import context, verb
from tracewhale.diagnosis.json import to_json
from tracewhale.diagnosis.text import render
from tracewhale.engines.names import DOCKER, parse
from tracewhale.engines.registry import Engines
from tracewhale.errors import ExitCode, UsageError
from tracewhale.repair import Repair, repair
from tracewhale.report.names import JSON, TEXT
from tracewhale.tracing import tracefile


class DiagnoseCommand(options.TargetCommand):
    """A command whose ``-v`` is Docker's if a volume follows, and requests the evidence otherwise."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [*_verbose(args[:at]), *args[at:]])


def _verbose(args: list[str]) -> list[str]:
    following = [*args[1:], ""]
    return [
        "--verbose" if word == "-v" and not _is_volume(after) else word
        for word, after in zip(args, following, strict=True)
    ]


def _is_volume(word: str) -> bool:
    """Return whether a word is a value of ``docker run -v``, and not a target."""
    return word.startswith("/") or (":/" in word and parse(word).kind == DOCKER)


@click.command("diagnose", cls=DiagnoseCommand)
@click.argument("target")
@click.option("--against", metavar="IMAGE", default="", help="A complete image, in which the command works.")
@click.option(
    "--contents", metavar="FILE", default="", help="An index of packages' files: Contents-amd64.gz."
)
@click.option("--fix", is_flag=True, help="Make the repaired image from the files of --against, and run it.")
@options.output_options
@click.option("--verbose", is_flag=True, help="Show every finding with its evidence (or -v).")
@steps.step_options
@options.docker_run_options
@options.probe_option
@click.option("--json", "form", flag_value="json", default=TEXT, help="Print one JSON object.")
@verb
def diagnose(
    target: str,
    against: str,
    contents: str,
    fix: bool,
    tag: str,
    output: str,
    verbose: bool,
    form: str,
    **given: Any,
) -> None:
    """Explain why a command of TARGET fails because something is missing, and what to do about it.

    TARGET is an image, a container (one that has ended is not run again), or a trace file. Exits with 1 if a
    cause is found or the command fails; with --fix, only if it is not repaired.
    """
    if fix and (not against or os.path.isfile(target)):
        raise UsageError(
            "--fix takes what is missing from a complete image, and makes a new one of TARGET.",
            "Name an image as TARGET and a complete one with --against.",
        )
    place = options.destination(output, tag, keep_privileges=given.pop("keep_privileges"))
    known = examine.References(against, contents)
    job = options.job(target, {**given, "keep_changes": False, "base": ""})
    with context(JSON, interactive=given["interactive"]) as current:
        engines = Engines(current.progress)
        if fix:
            _show_repair(repair(engines, job, current, known, place), against, verbose, form)
            return
        if os.path.isfile(target):
            result = examine.examine_trace(engines, tracefile.read(target), current, known)
        else:
            result = examine.examine(engines, job, current, known)
    echo(
        json.dumps(to_json(result), sort_keys=True) + "\n"
        if form != TEXT
        else render(result, verbose=verbose)
    )
    if result.failed or result.findings:
        sys.exit(ExitCode.MISSING)


def _show_repair(repair: Repair, against: str, verbose: bool, form: str) -> None:
    """Show the diagnosis of the image as it was, and the result of the repair."""
    first = repair.first
    if form != TEXT:
        value = {
            **to_json(first),
            "repair": {**asdict(repair), "first": None, "findings": len(repair.findings)},
        }
        echo(json.dumps(value, sort_keys=True) + "\n")
        return
    lines = [render(first, verbose=verbose)]
    if repair.name:
        extra = f" and {', '.join(repair.environment)}" if repair.environment else ""
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in repair.findings))
        lines.append(
            f"Fixed: {repair.name} has {len(repair.paths)} paths ({repair.bytes} bytes) of {against}{extra} "
            "more; it was run and does not fail. "
            f"Causes mended: {len(repair.findings)} ({kinds}).\n"
        )
    else:
        lines.append("Fixed: nothing, as nothing is broken.\n")
    echo("".join(lines))
