"""The command line: one file for each verb. It declares options, calls one library function, and renders.

A verb's file is imported when the verb is called, so that no verb waits for another's imports.
"""

from __future__ import annotations

import click

from tracewhale import __version__
from tracewhale.cli.group import Verbs, unexpected
from tracewhale.cli.signals import end_by_signals

__all__ = ["end_by_signals", "main", "unexpected"]


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tracewhale")
def main() -> None:
    """From a container image and a command to a minimal image that behaves the same.

    `tracewhale run` does all of it; the other verbs are its stages alone.
    """
