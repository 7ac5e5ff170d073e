"""The meaning of the engine's messages: one of our errors, and what to do next. Pure."""

from __future__ import annotations

import re

from tracewhale.errors import EngineError, NoSpace, TargetNotFound, TraceWhaleError, UsageError

SHOWS = "`docker image ls` and `docker ps -a` show what there is."

_NOISE = re.compile(
    r"failed to create (shim )?task( for container)?: |OCI runtime create failed: |runc create failed: |"
    r"unable to start container process: |driver failed programming external connectivity on endpoint "
    r"\S+ \(\w+\): |failed to set up container networking: |no such image: \S+: (?=No such image)|: unknown$"
)
"""Text around the reason that has no meaning for a user."""

_REQUESTED = (
    r"unable to find (user|group)|invalid tmpfs option|invalid --security-opt|Cannot mkdir: |sethostname|"
    r"error setting rlimit|seccomp filter .*too many open files|are mounting a directory onto a file|"
    r"lstat \S+: not a directory"
)
"""Patterns of complaints about a request that the engine reports with the status of its own failures."""

_MEANINGS: tuple[tuple[str, type[TraceWhaleError], str], ...] = (
    (
        r"no space left on device|disk quota exceeded",
        NoSpace,
        "`docker system df` shows what takes it, `docker system prune` frees some.",
    ),
    (r"no such (image|container)", TargetNotFound, SHOWS),
    (r"network \S+ not found", UsageError, "`docker network ls` shows the networks that there are."),
    (r"port is already allocated|address already in use", EngineError, "Publish another port with -p."),
    (
        r"could not select device driver",
        EngineError,
        "--gpus needs the vendor's container toolkit where the engine runs: install it, or leave --gpus out.",
    ),
    (
        r"unable to apply caps",
        EngineError,
        "The engine has not all capabilities itself, and cannot give them: ask for fewer.",
    ),
    (_REQUESTED, UsageError, ""),
)


def api_error(doing: str, status: int, explanation: str) -> TraceWhaleError:
    """Return our error for the engine's answer: an HTTP status and a text. ``doing`` completes "Docker could
    not"."""
    words = _NOISE.sub("", " ".join(explanation.split()).rstrip(".")).strip()
    kind: type[TraceWhaleError] = UsageError if status == 400 else EngineError
    hint = ""
    for pattern, meant, remedy in _MEANINGS:
        if re.search(pattern, words, re.IGNORECASE):
            kind, hint = meant, remedy
            break
    if kind is NoSpace:
        return NoSpace(f"No space is left on the Docker engine's disk to {doing}.", hint)
    verb = "refuses to" if kind is UsageError else "could not"
    return kind(f"Docker {verb} {doing}: {words}.", hint)
