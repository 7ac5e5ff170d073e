"""Differences between two images, traces or plans. Pure."""

from tracewhale.diff.compare import Change, Difference, compare
from tracewhale.diff.snapshot import FileFacts, Snapshot, of_lock, of_report, of_trace, of_view

__all__ = [
    "Change",
    "Difference",
    "FileFacts",
    "Snapshot",
    "compare",
    "of_lock",
    "of_report",
    "of_trace",
    "of_view",
]
