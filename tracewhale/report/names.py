"""The names of the formats of a report."""

TEXT, VERBOSE, QUIET, JSON = "text", "verbose", "quiet", "json"
HTML, MARKDOWN, NCDU, PREFETCH = "html", "md", "ncdu", "prefetch"

FOR_PROGRAMS = frozenset({QUIET, JSON})
"""The formats that a program reads, so that they are written to standard output."""
