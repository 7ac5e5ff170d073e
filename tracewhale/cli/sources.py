"""The sources of a report: an image that TraceWhale made, a trace file, or a report in JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tracewhale import pipeline
from tracewhale.cli import options
from tracewhale.cli.verb import context
from tracewhale.cli.why import label_of, read_report
from tracewhale.engines.registry import Engines
from tracewhale.report.document import ReportDocument, of_ledger, of_value
from tracewhale.report.json import to_json
from tracewhale.report.names import JSON
from tracewhale.tracing import tracefile


def document_of(source: str, parameters: Mapping[str, Any]) -> ReportDocument:
    """Return the report of a source; ``parameters`` are a verb's plan options, for a trace.

    The target of a trace must still exist, because its omitted files are read, too.
    """
    if not os.path.isfile(source):
        return of_ledger(source, label_of(source))
    value = read_report(source)
    if value is not None:
        return of_value(value)
    settings = options.plan_settings(dict(parameters))
    with context(JSON) as current:
        engines = Engines(current.progress)
        traces = [tracefile.read(source)]
        report = pipeline.plan(engines, traces, settings, current, with_removed=True)
    return of_value(to_json(report))
