"""Fields of ``/proc/PID/mountinfo`` (proc_pid_mountinfo(5)). Pure."""

from __future__ import annotations

import re


def unescape(field: bytes) -> bytes:
    """Return a field without its octal escapes of space, tab, newline and backslash."""
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), field)
