"""Targets in C for the probe's tests, compiled by the compiler that the probe itself is compiled with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"
COMPILE_SECONDS = 600


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``program("name")`` is the executable of ``programs/name.c``, static."""
    executables: dict[tuple[str, ...], Path] = {}

    def make(name: str, *flags: str) -> Path:
        key = (name, *flags)
        if key not in executables:
            output = tmp_path_factory.mktemp("programs") / name
            options = flags or ("-target", "x86_64-linux-musl")
            command = [sys.executable, "-m", "ziglang", "cc", *options, "-static", "-O1", "-o", str(output)]
            subprocess.run([*command, str(PROGRAMS / f"{name}.c")], check=True, timeout=COMPILE_SECONDS)
            executables[key] = output
        return executables[key]

    return make
