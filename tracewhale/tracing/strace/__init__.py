"""Read logs of strace(1) from any source: ``parse(run)`` is the trace of each of ``runs_of(names)``."""

from tracewhale.tracing.strace.files import FileLines, runs_of
from tracewhale.tracing.strace.log import Log, parse, read
from tracewhale.tracing.strace.machine import Failure
from tracewhale.tracing.strace.processes import Start

__all__ = ["Failure", "FileLines", "Log", "Start", "parse", "read", "runs_of"]
