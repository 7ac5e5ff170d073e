"""Rules: declared facts about files that runtimes load and neither a trace nor an ELF header names."""

from tracewhale.rules.engine import Object, Rulebook, apply
from tracewhale.rules.loading import load
from tracewhale.rules.model import Addition, Rule

__all__ = ["Addition", "Object", "Rule", "Rulebook", "apply", "load"]
