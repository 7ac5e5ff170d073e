"""Scripts whose first line names a missing interpreter (fs/binfmt_script.c, env(1))."""

from __future__ import annotations

from collections.abc import Iterator

from tracewhale.diagnosis.libraries import lacking
from tracewhale.diagnosis.model import Case, Finding
from tracewhale.diagnosis.needs import command_paths, need_of, removed_command
from tracewhale.diagnosis.refused_program import RefusedProgram
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.diagnosis.search import find_program


def carriage_return(program: RefusedProgram, path: str, part: str) -> Finding:
    quoted = part.replace("\r", "\\r")
    fix = Remedy("sed -i 's/\\r$//' {}", path)
    return program.finding(
        "crlf",
        "No such file or directory",
        f"its interpreter {quoted} does not exist: line 1 ends with CRLF.",
        (fix, Remedy("git config core.autocrlf input")),
        ground="the kernel's ENOENT and the file's first line agree",
        paths=(path,),
    )


def env(program: RefusedProgram, script: str, argument: str) -> Iterator[Finding]:
    """Yield the problems with ``#!/usr/bin/env ARGUMENT``: the kernel passes ARGUMENT as one word (env(1),
    -S)."""
    case = program.case
    words = argument.split()
    split = bool(words) and words[0] in ("-S", "--split-string")
    names = [word for word in words if not word.startswith("-") and "=" not in word]
    if not names:
        return
    name = names[0] if split or len(words) == 1 else argument
    if case.find_command(name):
        return
    evidence = (f"{script}: #!/usr/bin/env {argument}", *(f"searched: {d}" for d in case.search_path))
    if " " in name and case.find_command(names[0]):
        cause = f'env looks for a command named "{name}": the kernel passes all of the line as one argument.'
        yield program.finding(
            "env-split",
            f"env: '{name}': No such file or directory",
            cause,
            (Remedy("sed -i '1s|env |env -S |' {}", script),),
            ground="the script's first line says so",
            evidence=evidence,
            paths=(script,),
        )
        return
    name = names[0]
    other = find_program(case.view, name) or _sibling(case, name)
    paths = command_paths(case, name) or removed_command(case, name)
    paths = tuple(dict.fromkeys(path for p in paths for path in (p, *lacking(case, [p]))))
    remedies = Remedies(case).files(paths, need_of(name), name=name)
    if other:
        remedies = (Remedy("ln -s {} {}", other, f"{case.search_path[0]}/{name}"), *remedies)
    cause = f'its first line asks env for "{name}", which is in no directory of PATH.'
    yield program.finding(
        "env",
        f"env: '{name}': No such file or directory",
        cause,
        remedies,
        ground="PATH was searched",
        evidence=evidence,
        paths=paths,
    )


def _sibling(case: Case, name: str) -> str:
    """Return another version of an interpreter: python3 for python, nodejs for node.

    A dangling link does not count: Debian's nodejs is a link to node.
    """
    for other in (f"{name}3", f"{name}js", name.rstrip("0123456789.")):
        if other != name and case.exists(program := case.find_command(other) or "/-"):
            return program
    return ""
