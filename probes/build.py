#!/usr/bin/env python3
"""Compile the probe for every architecture, from any machine, with no system compiler.

``python probes/build.py`` compiles ``probes/**/*.c`` with the Zig toolchain (the ``ziglang`` package) into
one static musl binary an architecture, ``tracewhale/probe/bin/probe-ARCH``; ARCH is as ``uname -m``
says it. Nothing is done for a binary that is up to date: a digest of the sources, the compiler and its
flags stands in a file beside it. ``--check`` only tells, by its exit status, whether that is so.

The wheel's build hook (hatch_build.py) and the tests call :func:`build`. It needs nothing but the
standard library and ziglang, for it runs before anything of the project is installed.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
OUTPUT = SOURCES.parent / "tracewhale" / "probe" / "bin"
ARCHITECTURES = ("x86_64", "aarch64")

FLAGS = (
    "-std=gnu11",
    "-Os",
    "-static",
    "-pthread",
    "-s",
    "-ffunction-sections",
    "-fdata-sections",
    "-fno-asynchronous-unwind-tables",
    "-Wl,--gc-sections",
    "-Wall",
    "-Wextra",
    "-Werror",
)
COMPILE_SECONDS = 600
"""The first compile for a target builds its libc too, 20 to 40 s here; later ones take a second."""


class BuildError(Exception):
    """The probe cannot be compiled; the message says why."""


KERNEL_SOURCE = "ebpf/kernel.bpf.c"
KERNEL_FLAGS = ("-O2", "-fno-asynchronous-unwind-tables", "-Wall", "-Wextra", "-Werror")
"""Of the programs that run in the kernel. Its object is included in the probe as ``kernel.bpf.inc``."""


def _sources(*patterns: str) -> list[str]:
    return sorted(str(path.relative_to(SOURCES)) for pattern in patterns for path in SOURCES.rglob(pattern))


def command(architecture: str, output: Path, generated: Path) -> list[str]:
    """The compiler's command line, to be run in ``probes/`` so that no build path gets in the binary."""
    sources = [name for name in _sources("*.c") if name != KERNEL_SOURCE]
    if not sources:
        raise BuildError(f"{SOURCES} holds no C source")
    target = f"{architecture}-linux-musl"
    folders = sorted({str(Path(name).parent) for name in sources})
    words = ["-target", target, *FLAGS, *(f"-I{each}" for each in (*folders, generated))]
    words += ["-o", str(output), *sources]
    return [sys.executable, "-m", "ziglang", "cc", *words]


def kernel_command(architecture: str, output: Path) -> list[str]:
    """As ``command``, of the programs that run in the kernel."""
    words = ["-target", "bpfel-freestanding", f"-D__{architecture}__", *KERNEL_FLAGS, "-I."]
    return [sys.executable, "-m", "ziglang", "cc", *words, "-c", "-o", str(output), KERNEL_SOURCE]


def digest(architecture: str) -> str:
    """Identifies all that a binary depends on: sources, flags, architecture and compiler version."""
    try:
        compiler = importlib.metadata.version("ziglang")
    except importlib.metadata.PackageNotFoundError:
        raise BuildError("the compiler is missing: pip install ziglang") from None
    state = hashlib.sha256(repr((compiler, architecture, FLAGS, KERNEL_FLAGS)).encode())
    for name in _sources("*.c", "*.h"):
        content = (SOURCES / name).read_bytes()
        state.update(f"{name} {len(content)}\n".encode())
        state.update(content)
    return state.hexdigest()


def stale() -> list[str]:
    """Architectures whose binary is absent or not made of the sources as they are now."""
    return [architecture for architecture in ARCHITECTURES if not _is_current(architecture)]


def _stamp(architecture: str) -> Path:
    return OUTPUT / f"{architecture}.digest"


def _is_current(architecture: str) -> bool:
    stamp = _stamp(architecture)
    binary = OUTPUT / f"probe-{architecture}"
    return binary.is_file() and stamp.is_file() and stamp.read_text() == digest(architecture)


def build(architectures: Iterable[str] | None = None) -> list[Path]:
    """Compile for each architecture (default: those that are stale); returns the binaries written.

    Raises BuildError with the compiler's own messages. A binary is replaced whole or not at all.
    """
    written = []
    OUTPUT.mkdir(parents=True, exist_ok=True)
    for architecture in stale() if architectures is None else architectures:
        current = digest(architecture)
        # Beside its destination, so that the rename is atomic; zig wants to name its output itself.
        with tempfile.TemporaryDirectory(prefix=".build-", dir=OUTPUT) as scratch:
            made, kernel = Path(scratch, "probe"), Path(scratch, "kernel.o")
            _compile(kernel_command(architecture, kernel))
            Path(scratch, "kernel.bpf.inc").write_text(",".join(map(str, kernel.read_bytes())))
            _compile(command(architecture, made, Path(scratch)))
            made.chmod(0o755)
            binary = OUTPUT / f"probe-{architecture}"
            os.replace(made, binary)
            noted = Path(scratch, "digest")
            noted.write_text(current)
            os.replace(noted, _stamp(architecture))
        written.append(binary)
    return written


def _compile(argv: list[str]) -> None:
    try:
        done = subprocess.run(
            argv,
            cwd=SOURCES,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMPILE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildError(f"the compiler did not end within {COMPILE_SECONDS} s: {' '.join(argv)}") from None
    if done.returncode != 0:
        raise BuildError(f"{' '.join(argv)}\n{done.stdout.strip()}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Compile the probe for every architecture.")
    parser.add_argument("--check", action="store_true", help="build nothing; fail when a binary is stale")
    arguments = parser.parse_args()
    try:
        if arguments.check:
            outdated = stale()
            for architecture in outdated:
                print(f"probe-{architecture} is not up to date: run python probes/build.py", file=sys.stderr)
            return 1 if outdated else 0
        for binary in build():
            print(f"{binary.relative_to(SOURCES.parent)}: {binary.stat().st_size} bytes")
    except BuildError as error:
        print(f"probes/build.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
