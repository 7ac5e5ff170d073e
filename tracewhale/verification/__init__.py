"""Verification: compare the run of the new image with that of the original. Pure."""

from tracewhale.verification.compare import Comparison, Verification, combine, compare, listed, missing
from tracewhale.verification.output import Output, compare_output
from tracewhale.verification.verdict import difference, exercised, verdict

__all__ = [
    "Comparison",
    "Output",
    "Verification",
    "combine",
    "compare",
    "compare_output",
    "difference",
    "exercised",
    "listed",
    "missing",
    "verdict",
]
