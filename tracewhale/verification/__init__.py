"""Verification: does the new image behave as the original did? Pure comparisons of two runs."""

from tracewhale.verification.compare import Comparison, Verification, compare, listed, missing
from tracewhale.verification.output import Output, compare_output
from tracewhale.verification.verdict import difference, exercised, verdict

__all__ = [
    "Comparison",
    "Output",
    "Verification",
    "compare",
    "compare_output",
    "difference",
    "exercised",
    "listed",
    "missing",
    "verdict",
]
