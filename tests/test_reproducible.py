"""The same trace and original give the same image: in any locale, time zone, umask and directory order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.closure.entry_order import sort_entries
from tests.packages.test_apk import INSTALLED
from tests.sample_images import FILES, STATUS
from tracewhale.closure.cache import Cache, CacheEntry
from tracewhale.closure.ldcache import encode

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 120
TIME = 1_600_000_000

SITE = "/usr/lib/python3/dist-packages"

FILES_AND_MORE: dict[str, str | bytes] = {
    **FILES,
    "/var/lib/dpkg/status": STATUS.replace("Libc", "Lübc"),
    "/var/lib/dpkg/info/tool.list": "/usr/bin/tool\n/usr/share/naïve\n",
    "/usr/lib/libc.so.6": "the C library",
    "/usr/lib/libb.so.1": "b",
    "/usr/share/doc/libc6/copyright": "GPL",
    "/usr/share/doc/libb/copyright": "GPL",
    "/usr/share/naïve": "a name that is not ASCII",
    "/usr/bin/tool": "tool",
    "/etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "/etc/ld.so.cache": encode(
        Cache(
            sort_entries(CacheEntry(f"lib{n}.so", f"/usr/lib/lib{n}.so", 0x303) for n in ("b", "c", "gone")),
            "new",
            "ldconfig (GNU libc) stable release version 2.36",
        )
    ),
    "/lib/apk/db/installed": INSTALLED,
    "/lib/ld-musl-x86_64.so.1": "musl",
    f"{SITE}/thing.py": "t",
    f"{SITE}/thing-1.0.dist-info/METADATA": "Name: thing\nVersion: 1.0\nAuthor: Ü\nLicense: MIT\n",
    f"{SITE}/thing-1.0.dist-info/RECORD": "thing.py,,\n",
    "/opt/gems/gems/rack-2.0/lib/rack.rb": "r",
    "/opt/gems/specifications/rack-2.0.gemspec": "r",
    "/opt/app/main": "app",
}

CONTENTS: dict[bytes, bytes] = {
    os.fsencode(path): content if isinstance(content, bytes) else content.encode()
    for path, content in FILES_AND_MORE.items()
} | {b"/opt/app/caf\xe9": b"a name that is not UTF-8"}

KEPT = [path for path in CONTENTS if not path.startswith((b"/var/", b"/lib/apk"))]


def grow(root: Path, paths: Sequence[bytes]) -> None:
    """Make the files in an order, each with the same metadata, and a name that is linked to another."""
    for path in paths:
        place = os.fsencode(root) + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(CONTENTS[path])
    os.link(root / "opt/app/main", root / "opt/app/linked")
    for directory, names, files in os.walk(os.fsencode(root), topdown=False):
        for name in (*names, *files, b"."):
            os.chmod(os.path.join(directory, name), 0o755)
            os.utime(os.path.join(directory, name), (TIME, TIME))


def built(directory: Path, umask: int, environ: Mapping[str, str]) -> list[str]:
    """The digests that a process of its own prints for a directory."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.build_once", str(directory)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ},
        umask=umask,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same files twice, made in one order and in the other, one of them in a deeper directory."""
    directories = (tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b") / "deeper")
    for directory, order in zip(directories, (list(CONTENTS), list(reversed(CONTENTS))), strict=True):
        (directory / "root").mkdir(parents=True)
        grow(directory / "root", order)
        (directory / "kept").write_bytes(b"\n".join([*KEPT, b"/opt/app/linked"]))
    return directories


@pytest.mark.parametrize("epoch", [{}, {"SOURCE_DATE_EPOCH": "1000000000"}], ids=["original", "epoch"])
def test_two_builds_are_one(twice: tuple[Path, Path], epoch: Mapping[str, str]) -> None:
    first = built(twice[0], 0o022, {"LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "1", **epoch})
    second = built(twice[1], 0o077, {
        "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0",  # names in ASCII
        "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "2", "HOSTNAME": "elsewhere", "HOME": "/nowhere", **epoch,
    })  # fmt: skip
    assert len(set(first)) == 6, "four images, and their two SBOMs, which layers do not change"
    assert second == first


def test_an_epoch_is_another_image(twice: tuple[Path, Path]) -> None:
    environ = {"LC_ALL": "C.UTF-8"}
    assert set(built(twice[0], 0o022, environ)).isdisjoint(
        built(twice[0], 0o022, {**environ, "SOURCE_DATE_EPOCH": "1000000000"})
    )
