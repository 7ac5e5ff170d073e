"""What runtimes load that neither a trace nor an ELF header names: declared facts, applied to a plan."""

from tracewhale.rules.engine import Object, apply
from tracewhale.rules.loading import load
from tracewhale.rules.model import Addition, Rule

__all__ = ["Addition", "Object", "Rule", "apply", "load"]
