"""The judge: the real loader, asked inside a root file system what it loads and where it looked."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

NOT_FOUND = "not found"
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000


@dataclass(frozen=True)
class Judgement:
    """Names and what the loader loaded for them, everywhere it tried for each, and how it ended.

    ``audited`` are the files that were loaded into namespaces of their own.
    """

    loaded: dict[str, str]
    tried: dict[str, list[str]]
    audited: frozenset[str]
    status: int
    message: str


def inside(
    root: Path, command: list[str], environment: dict[str, str], user: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command with ``root`` as its root directory, where it finds its ``$ORIGIN`` by /proc, as
    another user if one is given."""

    def enter() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        proc = os.fsencode(root / "proc")
        if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if os.geteuid() else 0)) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
            raise OSError(ctypes.get_errno(), "mount")
        if libc.mount(b"/proc", proc, None, MS_BIND | MS_REC, None) != 0:
            raise OSError(ctypes.get_errno(), "mount")
        os.chroot(root)
        os.chdir("/")
        if user is not None:
            os.setuid(user)

    return subprocess.run(
        command, env=environment, preexec_fn=enter, capture_output=True, text=True, timeout=60, check=False
    )


def ask(root: Path, program: str, environment: dict[str, str]) -> Judgement:
    """Let the kernel run a program whose loader lists what it loads instead of starting it."""
    listing = {**environment, "LD_TRACE_LOADED_OBJECTS": "1", "LD_DEBUG": "libs,files"}
    result = inside(root, [program], listing)
    loaded: dict[str, str] = {}
    for line in result.stdout.splitlines():
        if match := re.match(r"\t(\S+) => not found$", line):
            loaded[match[1]] = NOT_FOUND
        elif match := re.match(r"\t(\S+) => (\S+) \(0x", line):
            loaded[match[1]] = os.path.join("/", match[2])
        elif (match := re.match(r"\t(\S+) \(0x", line)) and "vdso" not in match[1]:
            loaded[match[1]] = os.path.join("/", match[1])
    audited = re.findall(r"calling init: (\S+)", result.stderr)
    errors = [s for s in (result.stdout + result.stderr).splitlines() if re.match(r"\S+: (?!ld\.so)", s)]
    return Judgement(
        loaded, _tried(root, result.stderr), frozenset(audited), result.returncode, "\n".join(errors)
    )


def ask_musl(root: Path, loader: str, program: str, environment: dict[str, str]) -> Judgement:
    """Have musl's loader list what it loads for a program, at a path without links in it."""
    result = inside(root, [loader, "--list", program], environment)
    loaded = dict(re.findall(r"^\t(\S+) => (\S+) \(0x", result.stdout, re.MULTILINE))
    lost = re.findall(r"Error loading shared library (\S+):", result.stderr)
    return Judgement(
        {name: os.path.join("/", path) for name, path in loaded.items()} | dict.fromkeys(lost, NOT_FOUND),
        {},
        frozenset(),
        result.returncode,
        result.stderr,
    )


def _tried(root: Path, debug: str) -> dict[str, list[str]]:
    """For each name searched, the files tried in directories that exist."""
    tried: dict[str, list[str]] = {}
    name = ""
    for line in debug.splitlines():
        if match := re.search(r"find library=(\S+) \[", line):
            name = match[1]
            tried.setdefault(name, [])
        elif (match := re.search(r"trying file=(\S+)", line)) and name:
            path = os.path.join("/", match[1])
            if inside_exists(root, os.path.dirname(path)) and path not in tried[name]:
                tried[name].append(path)
    return tried


def inside_exists(root: Path, directory: str) -> bool:
    """Whether a directory exists, its links followed inside ``root``."""
    here = root
    parts = [p for p in reversed(directory.split("/")) if p]
    for _ in range(200):
        if not parts:
            return here.is_dir()
        part = parts.pop()
        here = (here.parent if here != root else here) if part == ".." else here / part
        if here.is_symlink():
            target = str(here.readlink())
            here = root if target.startswith("/") else here.parent
            parts += [p for p in reversed(target.split("/")) if p]
    return False
