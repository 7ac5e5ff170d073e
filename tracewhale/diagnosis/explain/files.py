"""Messages about programs and files that are missing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from tracewhale.diagnosis.absence import absence, first_missing
from tracewhale.diagnosis.directories import WRITES, directory_remedies, wanted_directory
from tracewhale.diagnosis.explain.common import (
    base,
    finding,
    lookups,
    there_in_full,
)
from tracewhale.diagnosis.lookups import relevant
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure, searched
from tracewhale.diagnosis.needs import command_paths, need_of, removed_command
from tracewhale.diagnosis.programs import check_program
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, sed_text
from tracewhale.diagnosis.search import find_name, find_program
from tracewhale.rootfs.tree import Kind as EntryKind

SCRIPT_LIMIT = 1 << 20

BASH_WORDS = frozenset(
    {"source", "[[", "((", "declare", "typeset", "shopt", "pushd", "popd", "function", "let", "select"}
    | {"mapfile", "readarray", "disown", "enable", "compgen", "complete"}
)
"""Words of bash (bash(1)) that POSIX does not require of a shell, and that dash lacks."""

_SCRIPT = re.compile(r"(?P<path>[^\s:]+): (?:line )?\d+: ")
"""The beginning of a shell's message: the script and the number of its line."""


def file(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain an opened file that does not exist, or a script whose interpreter does not."""
    name = complaint.fact("path", "name", "by")
    if not name:
        yield from _unnamed(case, complaint)
        return
    path = _requested_path(case, name)
    why = absence(case, path)
    if why is None:
        there = case.view.resolve(path).entry
        if there is not None and there.mode & 0o111:  # its interpreter or loader may be missing
            yield from check_program(case, path)
        if "/" not in name:
            yield from command(case, complaint)
        return
    if "/" not in name and path not in case.absent:
        yield from command(case, complaint)
        return
    if path.startswith(("/tmp/", "/var/tmp/")) and not case.exists("/" + path.split("/")[1]):
        return  # reported as a missing /tmp
    paths: tuple[str, ...] = (why.missing or path,)
    other = find_name(case.view, base(path))
    relative = _as_given(case, name)
    if relative and other.endswith(f"/{relative}"):
        place = other.removesuffix(f"/{relative}") or "/"
        ways = (Remedy("WORKDIR {}", place), Remedy("--workdir {}", place))
        cause = f"{relative} is looked for in {case.directory}, and the image has it at {other}."
        yield finding(case, complaint, "workdir", cause, ways)
        return
    if "mounted" not in why.words and (directory := wanted_directory(case, path, complaint.line)):
        yield directory_finding(case, complaint, directory, path)
        return
    remedies = Remedies(case).files(paths, need_of(path))
    if blocked := case.view.resolve(path).blocked:
        paths, remedies = (), (_directory_instead(case, blocked, path),)
    if "hides" in why.words:
        paths, remedies = (), (Remedy("mount it elsewhere, or add the file to what is mounted"),)
    evidence = (*why.evidence, *((f"a file of that name is at {other}",) if other else ()))
    yield finding(case, complaint, "file", f"{why.words}.", remedies, evidence=evidence, paths=paths)


def _directory_instead(case: Case, blocked: str, path: str) -> Remedy:
    """Return the remedy for a file in the place of a directory, which COPY leaves if the last slash is
    forgotten: the file is moved to the requested path, unless the command was to create that path."""
    if case.accesses(path) & WRITES:
        return Remedy("rm {0} && mkdir -p {0}", blocked)
    words = {"file": blocked, "aside": f"{blocked}.file", "path": path, "above": os.path.dirname(path)}
    return Remedy(
        "mv {file} {aside} && mkdir -p {above} && mv {aside} {path}",
        **words,
        note="COPY into a directory takes a slash behind its name",
    )


def directory_finding(case: Case, complaint: Complaint, directory: str, path: str) -> Finding:
    """Return the finding for a missing directory in which ``path`` was to be created or searched."""
    what = "" if path.rstrip("/") == directory else f", and {path} cannot be made in it"
    place = first_missing(case.view, directory)
    cause = f"the directory {place} is not in the image{what}."
    remedies = directory_remedies(case, place)
    return finding(case, complaint, "directory", cause, remedies, paths=(place,))


def _requested_path(case: Case, name: str) -> str:
    """Return the path in a message: the requested path if the message has only its end."""
    path = os.path.normpath(case.absolute(name))
    if name.startswith("/"):
        return path
    ends = [p for p in relevant(case) if p.endswith((f"/{name}", f"/{name}.so"))]
    there = there_in_full(case, ends) or case.owners.lost([name, f"{name}.so"])
    if path in case.absent and not there:
        return path
    there = there or there_in_full(case, [f"{directory}/{name}" for directory in case.absent])
    return (there or ends or [path])[-1]


def _as_given(case: Case, name: str) -> str:
    """Return a relative path as an argument of the command if the message has it from the root; else
    empty."""
    if not name.startswith("/"):
        return name.removeprefix("./")
    words = [word.removeprefix("./") for word in case.argv[1:] if not word.startswith("/")]
    path = os.path.normpath(f"/{name.lstrip('/')}")
    return next((word for word in words if os.path.join(case.directory, word) == path), "")


def _unnamed(case: Case, complaint: Complaint) -> Iterator[Finding]:
    words = [word for word in ("magic",) if word in complaint.line]
    paths = lookups(case, lambda path: any(word in base(path) for word in words))
    if paths:
        yield finding(
            case,
            complaint,
            "file",
            f"{paths[-1]} is not in the image.",
            Remedies(case).files(paths[-1:]),
            evidence=searched(paths),
            paths=paths[-1:],
        )


def command(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a command that a script or program tried to run."""
    name = complaint.fact("name", "path").strip()
    if name.endswith("\r"):
        yield from carriage_return(case, complaint)
        return
    if name in BASH_WORDS:
        yield _of_bash(case, complaint, name)
        return
    if "/" in name:
        path = case.absolute(name)
        if case.exists(path):
            yield from check_program(case, path)
            return
        why = absence(case, path)
        words = why.words if why else f"{path} is not in the image"
        yield finding(
            case,
            complaint,
            "command",
            f"{words}.",
            Remedies(case).files((path,), need_of(path)),
            paths=(path,),
        )
        return
    if place := case.find_command(name):
        yield from check_program(case, place)
        return
    if place := find_program(case.view, name):
        directory = os.path.dirname(place)
        yield finding(
            case,
            complaint,
            "path",
            f"{place} is in no directory of PATH.",
            (Remedy("ENV PATH={}:$PATH", directory),),
        )
        return
    absent = lookups(case, lambda path: base(path) == name)
    paths = (
        command_paths(case, name) or removed_command(case, name) or (absent if case.full is not None else ())
    )
    places = paths or (f"/usr/bin/{name}",)
    remedies = Remedies(case).files(places, need_of(name), name=name)
    cause = f"the command {name} is not in the image."
    yield finding(case, complaint, "command", cause, remedies, evidence=searched(absent), paths=paths)


def _of_bash(case: Case, complaint: Complaint, word: str) -> Finding:
    """Return the finding of a script for bash that another shell reads."""
    match = _SCRIPT.match(complaint.line)
    path = case.find_command(match["path"]) if match is not None else ""
    bash = case.find_command("bash")
    remedies = list(Remedies(case).installs((), "bash")) if not bash else []
    if path:
        first = Remedy("sed -i {} {}", f"1s|^#!.*|#!{sed_text(bash or '/bin/bash')}|", path)
        dot = [Remedy("sed -i 's/^\\([[:space:]]*\\)source /\\1. /' {}", path)] if word == "source" else []
        remedies = [*dot, first, *remedies] if bash else [*dot, *remedies, first]
    cause = f"{word} is a word of bash, and another shell reads {path or 'the script'}."
    return finding(case, complaint, "shell", cause, remedies, paths=(path,) if path else ())


def start(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a program that the engine or a shell could not execute."""
    path = complaint.fact("path")
    place = case.find_command(path) if path else ""
    if place:
        yield from check_program(case, place)


def bad_interpreter(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a script whose interpreter the shell did not find."""
    path = complaint.fact("path")
    place = case.find_command(path)
    if place:
        yield from check_program(case, place)


def carriage_return(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a script with CRLF whose interpreter the message names: the first such among the command's
    words."""
    for word in (*case.argv, *_scripts(case)):
        entry = case.view.resolve(case.find_command(word) or case.absolute(word)).entry
        if entry is None or entry.kind is not EntryKind.FILE or entry.size > SCRIPT_LIMIT:
            continue
        (text,) = case.view.tree.read([(entry.path, 0, SCRIPT_LIMIT)])
        if text and b"\r\n" in text and b"\0" not in text:
            yield finding(
                case,
                complaint,
                "crlf",
                f"the lines of {entry.path} end with CRLF, and the shell takes CR for a letter.",
                (Remedy("sed -i 's/\\r$//' {}", entry.path), Remedy("git config core.autocrlf input")),
                paths=(entry.path,),
            )
            return


def _scripts(case: Case) -> list[str]:
    events = case.trace.events if case.trace is not None else ()
    return sorted(
        {e.path for e in events if e.present and e.access in ("exec", "read") and "/lib" not in e.path}
    )


def busy(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a program that is open for writing."""
    path = complaint.fact("path") or (case.argv[0] if case.argv else "the program")
    yield finding(
        case,
        complaint,
        "busy",
        f"{path} is open for writing while it is executed (ETXTBSY).",
        (
            Remedy(
                "cp {path} {new} && mv {new} {path}",
                path=path,
                new=f"{path}.new",
                note="write, close, then execute",
            ),
        ),
        sure=Sure.LIKELY,
        ground="the message says so, and no file is missing",
    )


def source_file(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a file from which a shell reads commands."""
    yield from file(case, complaint)


EXPLAINERS = {
    "file": file,
    "source-file": source_file,
    "command": command,
    "start": start,
    "bad-interpreter": bad_interpreter,
    "carriage-return": carriage_return,
    "busy": busy,
}
