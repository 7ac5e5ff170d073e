"""The effects of successful calls on their process: its directory, root, descriptors and program."""

from __future__ import annotations

from collections.abc import Sequence

from tracewhale.tracing.strace import lines
from tracewhale.tracing.strace.lines import Malformed, Result
from tracewhale.tracing.strace.processes import Open, RequestedPath, TracedThread, without_dots

DUPLICATES = frozenset({"dup", "dup2", "dup3"})
FCNTL = frozenset({"fcntl", "fcntl64"})
EFFECTS = DUPLICATES | FCNTL | {"fchdir", "getcwd", "close", "unshare", "setns", "pivot_root"}
"""Calls that name no path and yet have an effect."""

OPENS = frozenset({"open", "openat", "openat2", "creat", "open_tree"})
LONGEST = 1 << 16
"""The longest name of a directory in characters; each relative chdir(2) extends it."""


class Unknown(Exception):
    """Raised if a needed fact is not in the log; it has a hint on what to do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


def affect(
    process: TracedThread,
    name: str,
    arguments: Sequence[str],
    requested: Sequence[RequestedPath | int | None],
    result: Result,
) -> None:
    """Apply a successful call to a process. Raise Malformed, or Unknown if it cannot be followed."""
    path = requested[0] if requested and isinstance(requested[0], RequestedPath) else None
    if name in OPENS and result.value is not None:
        opened = result.path or (without_dots(path.full_path) if path else "")
        process.files[result.value] = Open(opened, process.pid)
    elif name == "chdir" and path is not None:
        _move(process, path.full_path)
    elif name == "fchdir":
        _move(process, _file(process, arguments))
    elif name == "chroot" and path is not None:
        process.place.root = without_dots(path.full_path)
    elif name == "getcwd":
        _tell_directory(process, arguments)
    elif name in ("execve", "execveat") and path is not None:
        process.program = path.full_path
        process.unshare(place=False, files=True)
    elif name == "close":
        process.files.pop(lines.descriptor(_first(arguments))[0] or 0, None)
    elif name in DUPLICATES or (name in FCNTL and arguments[1:2] in (["F_DUPFD"], ["F_DUPFD_CLOEXEC"])):
        if result.value is not None:
            process.files[result.value] = Open(_file(process, arguments), process.pid)
    elif name == "unshare":
        flags = lines.flags(_first(arguments))
        process.unshare(
            place=bool(flags & {"CLONE_FS", "CLONE_NEWNS", "CLONE_NEWUSER"}), files="CLONE_FILES" in flags
        )
    elif name == "pivot_root" or (name == "setns" and "CLONE_NEWNS" in "|".join(arguments[1:])):
        raise Unknown(
            "continues in other mounts, where the log does not show the meaning of paths",
            "Trace the command that runs there by itself.",
        )


def _first(arguments: Sequence[str]) -> str:
    if not arguments:
        raise Malformed("has no arguments")
    return arguments[0]


def _file(process: TracedThread, arguments: Sequence[str]) -> str:
    """Return the path of the descriptor in the first argument, "" if it is unknown."""
    number, path = lines.descriptor(_first(arguments))
    file = process.files.get(number) if number is not None else None
    return path or (file.path if file else "")


def _move(process: TracedThread, directory: str) -> None:
    """Set the working directory. A name that is too long becomes unknown, which is reported only if it is
    needed."""
    process.place.directory = without_dots(directory) if 0 < len(directory) < LONGEST else ""


def _tell_directory(process: TracedThread, arguments: Sequence[str]) -> None:
    """Take the working directory, inside the root, from getcwd(2)."""
    directory = lines.string(_first(arguments))
    if directory is not None and directory.startswith("/"):
        process.place.directory = RequestedPath(
            directory.removesuffix(" (deleted)"), process.place.root
        ).full_path
