"""Builds the root file system of a case: ELF files of a few hundred bytes, each by one call of ld(1)."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOADER = "/lib64/ld-linux-x86-64.so.2"
JUDGE = os.environ.get("TRACEWHALE_TEST_LOADER", LOADER)
"""The file that is the loader in the cases: this machine's, or another glibc's to judge by."""

LIBC = "/lib/x86_64-linux-gnu/libc.so.6"
MUSL = "/lib/ld-musl-x86_64.so.1"
START = '.globl _start\n_start: ret\n.section .note.GNU-stack,"",@progbits\n.text\n'
EXIT = ".globl exit\nexit: mov $60,%eax\nxor %edi,%edi\nsyscall\n"
AUDIT = ".globl la_version\n.type la_version,@function\nla_version: mov $1,%eax\nret\n"
EMULATION = {32: "elf_i386", 64: "elf_x86_64"}
FLAGS: dict[str, tuple[str, ...]] = {
    "rpath": ("--disable-new-dtags", "-rpath", "{}"),
    "runpath": ("--enable-new-dtags", "-rpath", "{}"),
    "filter": ("--filter={}",),
    "auxiliary": ("--auxiliary={}",),
    "audited": ("--audit={}",),
    "depaudited": ("--depaudit={}",),
    "z": ("-z", "{}"),
}
"""Words of a recipe and what ld(1) is given for them; a list of values gives the flags for each."""


@dataclass(frozen=True)
class Case:
    """One folder: its rule, what to build, how to run it, and what a naive search would say of it.

    ``naive`` maps names to the paths (or ``not found``) that the loader does *not* come to.
    """

    name: str
    what: str
    naive: dict[str, str]
    elfs: list[dict[str, Any]]
    program: str = "/app/program"
    environment: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    ldconfig: list[str] | None = None
    remove: list[str] = field(default_factory=list)
    libc: bool = False
    musl: bool = False


def load(folder: Path) -> Case:
    """Read a case's TOML file."""
    table = tomllib.loads((folder / "case.toml").read_text())
    return Case(name=folder.name, elfs=table.pop("elf"), **table)


def build(case: Case, root: Path, work: Path, musl: Path) -> None:
    """Make everything that a case names below ``root``, with this machine's loader or musl's file."""
    copies = {LOADER: JUDGE} | ({LIBC: LIBC} if case.libc else {})
    for path, source in ({MUSL: str(musl)} if case.musl else copies).items():
        shutil.copy2(source, beneath(root, path))
    for directory in case.directories:
        beneath(root, directory).mkdir(parents=True, exist_ok=True)
    for link, target in case.links.items():
        beneath(root, link).symlink_to(target)
    for recipe in case.elfs:
        make({"interpreter": MUSL if case.musl else LOADER, **recipe}, root, work)
    for path, text in case.texts.items():
        beneath(root, path).write_text(text)
    if case.ldconfig is not None:
        beneath(root, "/etc/ld.so.cache")
        command = ["/sbin/ldconfig", "-X", "-r", str(root), *case.ldconfig]
        subprocess.run(command, check=True, capture_output=True)
    for path in case.remove:
        beneath(root, path).unlink()


def beneath(root: Path, path: str) -> Path:
    """Where an absolute path of the case is, through directory links; its directory is made."""
    here = root
    *parents, name = path.strip("/").split("/")
    for part in parents:
        here = here / part
        if here.is_symlink():
            here = root / str(here.readlink()).lstrip("/")
    here.mkdir(parents=True, exist_ok=True)
    return here / name


def make(recipe: dict[str, Any], root: Path, work: Path) -> None:
    """Link one ELF file as its recipe says."""
    path = beneath(root, recipe["path"])
    bits = recipe.get("bits", 64)
    kind = recipe.get("kind", "library" if ".so" in path.name else "program")
    required = [need.split("@") for need in recipe.get("requires", [])]
    source = START + {"audit": AUDIT, "static-pie": EXIT}.get(kind, "")
    source += "".join(f".globl s_{version}\n.quad s_{version}\n" for _, version in required)
    arguments = ["-o", str(path), "--no-as-needed"]
    if kind == "program":
        arguments += ["-pie", "-dynamic-linker", recipe["interpreter"]]
    elif kind == "static-pie":
        arguments += ["-pie", "--no-dynamic-linker", "-static", "--entry=exit"]
    else:
        arguments.append("-shared")
        if soname := recipe.get("soname", path.name):
            arguments += ["-soname", soname]
    for word, flags in FLAGS.items():
        values = recipe.get(word, [])
        for value in values if isinstance(values, list) else [values]:
            arguments += [flag.format(value) for flag in flags]
    stubs = [stub(name, "", bits, work) for name in recipe.get("needed", [])]
    stubs += [stub(name, version, bits, work) for name, version in required]
    link(source, recipe.get("defines", []), [*arguments, *map(str, stubs)], bits, work)
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, 18, recipe.get("machine", struct.unpack_from("<H", data, 18)[0]))
    blank = recipe.get("blank", "").encode()
    path.write_bytes(bytes(data[: recipe.get("truncate", len(data))]).replace(blank, b"\0" * len(blank)))


def stub(name: str, version: str, bits: int, work: Path) -> Path:
    """A library that is only linked against, so that its name, with any slash, gets into DT_NEEDED."""
    path = work / f"{name.replace('/', '%')}@{version}.{bits}"
    if not path.exists():
        link(START, [version] if version else [], ["-shared", "-soname", name, "-o", str(path)], bits, work)
    return path


def link(source: str, versions: list[str], arguments: list[str], bits: int, work: Path) -> None:
    """Assemble and link; ``versions`` are defined, each with one symbol."""
    source += "".join(f".globl s_{version}\ns_{version}: ret\n" for version in versions)
    (work / "source.s").write_text(source)
    script = work / "versions.map"
    script.write_text("".join(f"{v} {{ global: s_{v}; }};\n" for v in versions))
    run(["as", f"--{bits}", str(work / "source.s"), "-o", str(work / "object.o")])
    scripts = [f"--version-script={script}"] if versions else []
    run(["ld", "-m", EMULATION[bits], *scripts, str(work / "object.o"), *arguments])


def run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.stderr}"
