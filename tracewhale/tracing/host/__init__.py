"""Probes that work from the host: agents that write events as ``probe agent`` does (probes/protocol.h).

Each is a process of its own, ``python -m tracewhale.tracing.host NAME``. On its standard input it reads
lines: ``a PID LISTENER TOKEN`` takes a process that ``probe init --hold TOKEN`` holds and lets it go on,
``A PID`` takes one that runs already with all its threads, ``c`` asks for the counters, and the end of the
input for the end: what still runs is let go unharmed.
"""
