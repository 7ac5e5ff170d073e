"""The tool as a user runs it: a process with arguments, an exit status and two outputs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import jsonschema

from tracewhale.report.json import schema

SECONDS = 200

KEEPING = ("run", "build", "plan")
"""Verbs with --keep: unless a test says otherwise, it is of what a trace, the closure and the rules keep."""


def tracewhale(*words: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the tool to its end. Fails the test when it takes too long or shows a traceback."""
    if words[:1] and words[0] in KEEPING and "--keep" not in words:
        words = (words[0], "--keep", "touched", *words[1:])
    done = subprocess.run(
        [sys.executable, "-m", "tracewhale", *words],
        input=stdin,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, **environment},
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    return done


def report(*words: str, stdin: bytes = b"", **environment: str) -> dict[str, Any]:
    """Run the tool with --json: it must succeed, and what it prints obey the schema."""
    done = tracewhale(*words[:1], "--json", *words[1:], stdin=stdin, **environment)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, schema())
    return found


def refusal(*words: str, stdin: bytes = b"", **environment: str) -> tuple[int, str]:
    """The exit status of a command that fails, and its last sentences with what they quote."""
    done = tracewhale(*words, stdin=stdin, **environment)
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line]
    return done.returncode, "\n".join(lines[-4:])
