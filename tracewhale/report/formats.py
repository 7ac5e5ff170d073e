"""The forms in which a report is shown: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tracewhale.report import json, text
from tracewhale.report.model import Report

TEXT, JSON = "text", "json"

FORMATS: Mapping[str, Callable[[Report], str]] = {
    TEXT: text.render,
    JSON: json.dumps,
}
"""Each form's name and the function that renders a report in it; what is rendered ends with a newline."""
