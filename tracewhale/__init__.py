"""TraceWhale: from a container image and a command to a minimal image that behaves the same."""

__version__ = "0.1.0"
