"""Python: imports as its import system resolves them (Language Reference, chapter 5)."""

from tracewhale.languages.python.language import Python

__all__ = ["Python"]
