"""The forms in which a report is shown: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracewhale.report import json, text
from tracewhale.report.model import Report

TEXT, VERBOSE, QUIET, JSON = "text", "verbose", "quiet", "json"


@dataclass(frozen=True, slots=True)
class Format:
    """A form of report. ``render`` returns text that ends with a newline.

    ``for_programs``: it goes to standard output, where otherwise the command's own output goes.
    """

    render: Callable[[Report], str]
    for_programs: bool = False


FORMATS: Mapping[str, Format] = {
    TEXT: Format(text.render),
    VERBOSE: Format(text.render_verbose),
    QUIET: Format(text.render_name, for_programs=True),
    JSON: Format(json.dumps, for_programs=True),
}
"""Each form by the name that the command line has for it."""
