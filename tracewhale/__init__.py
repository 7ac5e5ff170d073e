"""TraceWhale: from a container image and a command to a minimal image that behaves the same."""
