"""The interpreter of a script, as Linux parses ``#!`` (fs/binfmt_script.c)."""

from __future__ import annotations

import os
import re

HEAD = 256
"""Bytes of a file that the kernel reads (BINPRM_BUF_SIZE)."""


def interpreter(head: bytes) -> tuple[str, str] | None:
    """Return the interpreter of a script and its one argument, from the first bytes of the file.

    Return None if the kernel would not accept the file as a script or its line as an interpreter: for a line
    without an end, if the name itself may be cut off, and for an empty one.
    """
    if not head.startswith(b"#!"):
        return None
    head = head[:HEAD]
    line, newline, _ = head[2:].partition(b"\n")
    if not newline and len(head) == HEAD:
        if not re.match(rb"[ \t]*[^ \t\0]+[ \t\0]", line):
            return None
        line = line[:-1]  # where the kernel puts a NUL
    line = line.split(b"\0")[0].strip(b" \t")
    if not line:
        return None
    name, *rest = re.split(rb"[ \t]+", line, maxsplit=1)
    return os.fsdecode(name), os.fsdecode(rest[0]) if rest else ""
