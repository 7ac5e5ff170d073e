"""Programs that are not scripts: for another machine, without their loader, or no programs at all."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tracewhale.closure import Elf, UnreadableElf
from tracewhale.diagnosis.absence import absence
from tracewhale.diagnosis.libraries import in_full, lacking, libraries
from tracewhale.diagnosis.model import Case, Finding
from tracewhale.diagnosis.needs import other_libc
from tracewhale.diagnosis.refused_program import NOT_EXECUTABLE, RefusedProgram
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy

MACHINES = {
    "amd64": (62, 3),
    "386": (3,),
    "arm64": (183, 40),
    "arm": (40,),
    "riscv64": (243,),
    "ppc64le": (21,),
    "s390x": (22,),
}
"""Values of e_machine (elf(5)) that a kernel executes, by Go's name of the architecture."""

NAMES = {62: "amd64", 3: "386", 183: "arm64", 40: "arm", 243: "riscv64", 21: "ppc64le", 22: "s390x"}

LFS = b"version https://git-lfs.github.com/spec/"
BOM = b"\xef\xbb\xbf"


def binary(program: RefusedProgram, path: str, physical: str, head: bytes) -> Iterator[Finding]:
    case = program.case
    entry = case.view.lstat(physical)
    elf = case.resolver.disk.files.get(entry) if entry is not None else None
    error = "Exec format error"
    if isinstance(elf, Elf):
        runs = MACHINES.get(case.architecture, ())
        if runs and elf.machine not in runs:
            other = NAMES.get(elf.machine, f"e_machine {elf.machine}")
            yield program.finding(
                "architecture",
                error,
                f"it is built for {other}, and this is {case.architecture}.",
                (
                    *Remedies(case).copies((path,)),
                    Remedy("docker build --platform linux/{} ...", case.architecture),
                    Remedy(
                        "docker run --platform linux/{} ...", other, note="with the emulator of binfmt_misc"
                    ),
                ),
                status=NOT_EXECUTABLE,
                ground="the file's ELF header says so",
                paths=(path,),
            )
            return
        yield from loader(program, physical, elf)
        return
    if isinstance(elf, UnreadableElf) and elf.is_elf:
        cause = f"{physical} is damaged: {elf.reason}."
        kind = "damaged"
    elif not head:
        kind, cause = "empty", f"{physical} is empty."
        if entry is not None and entry.size:
            return  # it cannot be read here
    elif head.startswith(LFS):
        cause = f"{physical} is a Git LFS pointer: the file that it stands for was not fetched."
        ways = (*Remedies(case).copies((path,)), Remedy("git lfs pull", note="before docker build"))
        yield program.finding(
            "lfs", error, cause, ways, status=NOT_EXECUTABLE, ground="the file's text says so", paths=(path,)
        )
        return
    elif head.startswith(BOM):
        kind, cause = "bom", f"{physical} begins with a byte order mark, which hides its #! line."
        fix = Remedy("sed -i '1s/^\\xEF\\xBB\\xBF//' {}", physical)
        yield program.finding(
            kind,
            error,
            cause,
            (fix,),
            status=NOT_EXECUTABLE,
            ground="the file's first bytes say so",
            paths=(path,),
        )
        return
    elif b"\0" not in head:
        cause = f"{physical} is a text without a #! line, so the kernel does not know who reads it."
        shell = case.find_command("bash") or case.find_command("sh") or "/bin/sh"
        ways = (
            Remedy("sed -i {} {}", f"1i #!{shell}", physical),
            Remedy("ENTRYPOINT {}", (shell, path)),
        )
        yield program.finding(
            "no-interpreter",
            error,
            cause,
            ways,
            status=NOT_EXECUTABLE,
            ground="the file's first line says so",
            paths=(path,),
        )
        return
    else:
        kind, cause = "format", f"{physical} is neither an ELF file nor a script."
    remedies = Remedies(case).files((physical,))
    yield program.finding(
        kind,
        error,
        cause,
        remedies,
        status=NOT_EXECUTABLE,
        ground="the file's contents say so",
        paths=(path,),
    )


def loader(program: RefusedProgram, physical: str, elf: Elf) -> Iterator[Finding]:
    """Yield a program whose interpreter (PT_INTERP) is missing, else what the loader misses."""
    case = program.case
    name = elf.interpreter
    if name is None or case.exists(name):
        yield from libraries(case, program.path, physical)
        return
    foreign = other_libc(case.view, name)
    why = absence(case, name)
    own = _own_in_full(case, program.path, name)
    paths = tuple(dict.fromkeys((*own, *lacking(case, [program.path, *([] if own else [name])]))))
    if case.full is not None and not case.full.resolve(program.path).exists:  # it was built elsewhere
        places = [place for needed in elf.needed for place in in_full(case, needed, "")]
        paths = tuple(dict.fromkeys((*paths, *(place for place in places if not case.exists(place)))))
    words = "" if why is None or why.words.startswith(f"{name} is not in the image") else f" ({why.words})"
    libc = "musl" if "musl" in name else "glibc"
    remedies = Remedies(case).files(paths, libc, name=os.path.basename(name))
    evidence = (f"{physical}: PT_INTERP {name}", *(f"{physical}: NEEDED {n}" for n in elf.needed))
    if foreign:
        kind = "libc"
        cause = f'it is linked to {libc} ("{name}"), and this image has {foreign}.'
    else:
        kind = "interpreter"
        cause = f'its dynamic loader "{name}" is not in the image{words}: it is not a static program.'
    yield program.finding(
        kind,
        "No such file or directory",
        cause,
        remedies,
        paths=paths,
        evidence=evidence,
        ground="the kernel's ENOENT and the file's header agree",
    )


def _own_in_full(case: Case, program: str, loader: str) -> tuple[str, ...]:
    """Return the path to copy for a missing loader: the loader, or the program if the complete image has one
    whose loader exists here."""
    entry = case.full.resolve(program).entry if case.full is not None else None
    if entry is None or case.full_resolver is None:
        return (loader,)
    elf = case.full_resolver.disk.files.get(entry)
    other = elf.interpreter if isinstance(elf, Elf) else None
    return (program,) if other and other != loader and case.exists(other) else (loader,)
