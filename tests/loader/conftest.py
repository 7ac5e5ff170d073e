"""musl's loader, from this machine or from Debian's package."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALLED = Path("/lib/ld-musl-x86_64.so.1")


@pytest.fixture(scope="session")
def musl_loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that is both musl's loader and its libc."""
    if INSTALLED.exists():
        return INSTALLED
    directory = tmp_path_factory.mktemp("musl")
    if shutil.which("apt-get") is None:
        pytest.fail("neither musl's loader nor apt-get to fetch it with is here: install musl")
    subprocess.run(["apt-get", "download", "musl"], cwd=directory, check=True, capture_output=True)
    (package,) = directory.glob("musl_*.deb")
    subprocess.run(["dpkg-deb", "-x", package, directory / "unpacked"], check=True)
    return directory / "unpacked/lib/x86_64-linux-musl/libc.so"
