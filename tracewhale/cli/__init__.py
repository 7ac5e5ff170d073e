"""The command line: one file a verb. Each declares its options, calls one library function, renders."""

from __future__ import annotations

import click

from tracewhale import __version__
from tracewhale.cli.build import build
from tracewhale.cli.completion import completion
from tracewhale.cli.deps import deps
from tracewhale.cli.diagnose import diagnose
from tracewhale.cli.diff import diff
from tracewhale.cli.doctor import doctor
from tracewhale.cli.group import Verbs, unexpected
from tracewhale.cli.make import init, make
from tracewhale.cli.merge import merge
from tracewhale.cli.plan import plan
from tracewhale.cli.run import run
from tracewhale.cli.signals import end_by_signals
from tracewhale.cli.trace import trace
from tracewhale.cli.verify import verify
from tracewhale.cli.watch import watch
from tracewhale.cli.why import why

__all__ = ["end_by_signals", "main", "unexpected"]


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tracewhale")
def main() -> None:
    """From a container image and a command to a minimal image that behaves the same.

    `tracewhale run` does all of it; the other verbs are its stages alone.
    """


VERBS = (run, make, init, trace, merge, plan, build, verify, watch, diagnose, why, diff, deps, doctor)

for verb in (*VERBS, completion):
    main.add_command(verb)
