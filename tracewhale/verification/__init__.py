"""Verification: does the new image behave as the original did? Pure comparisons of two runs."""

from tracewhale.verification.compare import Comparison, Verification, compare, listed, missing
from tracewhale.verification.output import Output, compare_output

__all__ = ["Comparison", "Output", "Verification", "compare", "compare_output", "listed", "missing"]
