"""Probes that work from the host: agents that write events as ``probe agent`` does (probes/protocol.h).

Each is a process of its own, ``python -m tracewhale.tracing.host NAME``. It reads orders from its standard
input: ``a PID LISTENER TOKEN`` takes a process that ``probe init --hold TOKEN`` holds and lets it continue,
``A PID`` takes a running process with all its threads, ``c`` requests the counters. At the end of the input
it ends, and processes that still run are released unharmed.
"""
