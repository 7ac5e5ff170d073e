"""Files that the kernel refuses to execute (execve(2), fs/exec.c, fs/binfmt_*.c)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from tracewhale.closure.deps import MAX_SCRIPTS
from tracewhale.closure.script import HEAD, interpreter
from tracewhale.diagnosis.absence import EXECUTE, absence, refusal
from tracewhale.diagnosis.binaries import binary
from tracewhale.diagnosis.libraries import lacking
from tracewhale.diagnosis.model import Case, Finding
from tracewhale.diagnosis.needs import command_paths, homes, need_of, removed_command
from tracewhale.diagnosis.refused_program import NOT_EXECUTABLE, RefusedProgram
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, sed_text
from tracewhale.diagnosis.scripts import carriage_return, env
from tracewhale.diagnosis.search import find_program
from tracewhale.rootfs.tree import Kind as EntryKind

_SHELL = re.compile(r"[|&;<>()$`\\\"'*?\[#~=%\n]")
"""Characters that a shell interprets in a line, so that there is no equivalent exec form."""


def check_command(case: Case) -> Iterator[Finding]:
    """Yield the reasons why the command of a case cannot be executed, or the loader's misses; nothing if it
    starts."""
    if not case.argv:
        return
    word = case.argv[0]
    path = case.find_command(word)
    if path:
        yield from check_program(case, path)
        return
    refused = RefusedProgram(case, word)
    elsewhere = find_program(case.view, word)
    if word.endswith("\r"):
        yield carriage_return(refused, word, "the command's name")
        return
    ground = f"PATH has {len(case.search_path)} directories, and none of them has it"
    evidence = tuple(f"searched: {directory}" for directory in case.search_path)
    if elsewhere:
        directory = os.path.dirname(elsewhere)
        yield refused.finding(
            "path",
            "not found in PATH",
            f"{elsewhere} is in no directory of PATH.",
            (
                Remedy("ENV PATH={}:$PATH", directory),
                Remedy("-e PATH={}", ":".join((directory, *case.search_path))),
            ),
            ground=ground,
            evidence=evidence,
        )
        return
    paths = command_paths(case, word) or removed_command(case, word)
    yield refused.finding(
        "command",
        "not found in PATH",
        f"the image has no file named {word}.",
        Remedies(case).files(paths, need_of(word), name=word),
        ground=ground,
        evidence=evidence,
        paths=paths,
    )


def check_program(case: Case, requested_path: str) -> Iterator[Finding]:
    """Yield the reasons why the kernel or the loader refuses a file; nothing if neither does."""
    path, script = requested_path, ""
    refused = RefusedProgram(case, requested_path)
    for _ in range(MAX_SCRIPTS):
        entry = case.view.resolve(path).entry
        if entry is None or absence(case, path) is not None:
            yield _absent(refused, path, script)
            return
        if entry.kind is not EntryKind.FILE:
            inside = _programs_in(case, entry.path) if entry.kind is EntryKind.DIRECTORY else []
            has = f" ({', '.join(inside[:3])} in it may be executed)" if inside else ""
            cause = f"{path} is a {entry.kind.value}, not a program{has}."
            yield refused.finding(
                "not-a-file",
                "Permission denied",
                cause,
                _instead_of(case, path, inside),
                status=NOT_EXECUTABLE,
                ground="the kernel executes regular files only",
            )
            return
        if (problem := _not_allowed(refused, path)) is not None:
            yield problem
            return
        (head,) = case.view.tree.read([(entry.path, 0, HEAD)])
        line = interpreter(head or b"")
        if line is None:
            yield from binary(refused, path, entry.path, head or b"")
            return
        name, argument = line
        if name.endswith("\r") or argument.endswith("\r"):
            yield carriage_return(refused, entry.path, f'"{name} {argument}"'.replace(' "', '"'))
            return
        script, path = entry.path, case.absolute(name)
        if os.path.basename(name) == "env" and case.exists(path):
            yield from env(refused, script, argument)


def _absent(program: RefusedProgram, path: str, script: str) -> Finding:
    case = program.case
    why = absence(case, path)
    words, missing = (why.words, why.missing) if why else (f"{path} is not in the image", path)
    paths = tuple(filter(None, (missing,)))
    evidence = why.evidence if why else ()
    if not script:
        kind = (
            "mount" if why and "mounted" in words else "link" if evidence and "link" in words else "command"
        )
        remedies = (
            (*_ways_around(case, path, missing), *Remedies(case).files(paths or (path,), need_of(path)))
            if paths
            else (Remedy("leave out the mount, or mount another directory"),)
        )
        return program.finding(
            kind,
            "No such file or directory",
            f"{words}.",
            remedies,
            ground="the image's files say so",
            evidence=evidence,
            paths=paths,
        )
    cause = f'its interpreter "{path}" does not exist: {words}.'
    if words == f"{path} is not in the image":
        cause = f'its interpreter "{path}" is not in the image.'
    name = os.path.basename(path)
    remedies = Remedies(case).files(paths or (path,), need_of(path))
    beside = f"{os.path.dirname(script)}/{name}"
    other = beside if case.exists(beside) else find_program(case.view, name, limit=200)
    if other:
        line = Remedy("sed -i {} {}", f"1s|^#! *[^ ]*|#!{sed_text(other)}|", script)
        dangling = case.view.resolve(path, follow=False).exists
        link = Remedy("ln -sf {} {}" if dangling else "ln -s {} {}", other, path)
        ways = (line, link) if not case.exists(os.path.dirname(path)) else (link, line)
        remedies = (*ways, *remedies)
    paths = tuple(dict.fromkeys((*paths, *lacking(case, [path]), *homes(case, missing))))
    if case.full is not None and len(paths) > 1:
        remedies = (*Remedies(case).copies(paths), *remedies)
    return program.finding(
        "interpreter",
        "No such file or directory",
        cause,
        remedies,
        paths=paths,
        evidence=evidence,
        ground="the kernel's ENOENT and the script's first line agree",
    )


def _programs_in(case: Case, directory: str) -> list[str]:
    """Return the files of a directory that may be executed, the one with the directory's name first."""
    name = os.path.basename(directory)
    files = [e for e in (case.view.listing(directory) or {}).values() if e.kind is EntryKind.FILE]
    programs = sorted(e.path for e in files if e.mode & 0o111 and ".so" not in os.path.basename(e.path))
    return sorted(programs, key=lambda path: os.path.basename(path) != name)


def _instead_of(case: Case, path: str, inside: Sequence[str]) -> tuple[Remedy, ...]:
    """Return remedies for a directory in the place of a program: the program of the complete image, or one in
    the directory."""
    full = case.full.resolve(path).entry if case.full is not None else None
    first = Remedies(case).copies((path,)) if full is not None and full.kind is EntryKind.FILE else []
    words = (inside[0] if inside else f"{path.rstrip('/')}/PROGRAM", *case.argv[1:])
    return *first, Remedy("CMD {}", words)


def _ways_around(case: Case, path: str, missing: str) -> tuple[Remedy, ...]:
    """Return remedies without the program itself: a link to its other path, or the command without its
    shell."""
    if case.view.resolve(path, follow=False).exists:
        other = find_program(case.view, os.path.basename(missing), limit=200)
        return (Remedy("ln -sf {} {}", other, path),) if other else ()
    words = case.argv[2].split() if len(case.argv) == 3 and case.argv[1] == "-c" else []
    words = words[1:] if words[:1] == ["exec"] else words
    if path == case.argv[0] and words and not _SHELL.search(case.argv[2]):
        return (Remedy("CMD {}", tuple(words), note="the exec form takes no shell"),)
    return ()


def _not_allowed(program: RefusedProgram, path: str) -> Finding | None:
    case = program.case
    why = refusal(case.view, case.user, path, EXECUTE)
    if why is None:
        return None
    who = case.user.name or str(case.user.uid)
    entry = why.entry
    remedies: tuple[Remedy, ...]
    if entry.kind is EntryKind.FILE and not entry.mode & 0o111:
        cause = f"{entry.path} has no execute permission (mode {entry.mode:04o})."
        remedies = (Remedy("chmod +x {}", entry.path), Remedy("COPY --chmod=755 ... {}", entry.path))
    else:
        cause = f"user {who} {why.words}."
        remedies = (
            Remedy("chmod o+x {}" if entry.kind is EntryKind.DIRECTORY else "chmod o+rx {}", entry.path),
            Remedy("--user {}:{}", entry.uid, entry.gid),
        )
    return program.finding(
        "mode",
        "Permission denied",
        cause,
        remedies,
        status=NOT_EXECUTABLE,
        ground="the kernel's EACCES and the file's mode agree",
    )
