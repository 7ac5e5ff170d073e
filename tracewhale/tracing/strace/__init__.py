"""Logs of strace(1), whoever made them: ``parse(run)`` is the trace of each of ``runs_of(names)``."""

from tracewhale.tracing.strace.files import runs_of
from tracewhale.tracing.strace.log import Log, parse
from tracewhale.tracing.strace.processes import Start

__all__ = ["Log", "Start", "parse", "runs_of"]
