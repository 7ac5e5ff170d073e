"""Every dynamic ELF file of whole images: the same files as the image's own loader lists, without one
difference."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.loader import judge, recipes
from tracewhale.closure import Closure, Resolver, Root, from_cpuinfo
from tracewhale.closure.headers import ET_DYN, ET_EXEC
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import Kind, View

CPU = from_cpuinfo(Path("/proc/cpuinfo").read_text())
LOADABLE = (ET_DYN, ET_EXEC)
PLACES = ("/usr/bin", "/usr/sbin", "/usr/lib", "/opt")
LOOP = 'while read -r f; do echo "== $f"; LD_TRACE_LOADED_OBJECTS=1 {} "$f" 2>&1; echo "== $?"; done'
"""As ``ld.so --list``, which would stop at the first library that is not there."""

WHEELS = ("numpy", "scipy", "pillow", "lxml", "psycopg2-binary", "cryptography", "ninja", "cmake", "pyzmq")
"""Packages with wheels for musl: Python's libraries, with their own in an rpath, and a few programs."""

Listing = dict[str, str]
Image = Callable[[str], str]


@pytest.fixture
def directory() -> Iterator[Path]:
    """Gone after the test: pytest would keep those of several runs, and they are large."""
    with tempfile.TemporaryDirectory(prefix="twtest-") as path:
        yield Path(path)


@pytest.mark.parametrize("name", ["curl", "flask", "java", "nginx", "node", "postgres"])
def test_image_resolves_as_its_loader_does(name: str, image: Image, directory: Path) -> None:
    reference = image(name)
    _unpack(reference, directory)
    closures = _closures(directory)
    listing = _list_in_container(reference, list(closures))
    assert len(closures) > 250
    assert _differences(closures, listing) == []


def test_musl_wheels_resolve_as_musl_does(directory: Path, musl_loader: Path) -> None:
    root = directory / "root"
    target = recipes.beneath(root, recipes.MUSL)
    target.write_bytes(musl_loader.read_bytes())
    target.chmod(0o755)
    (root / "proc").mkdir()
    for wheel in _wheels(directory):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(root / "usr/lib/python3.11/site-packages")
    closures = _closures(root)
    listing = {path: judge.ask_musl(root, recipes.MUSL, path, {}).loaded for path in closures}
    assert len(closures) > 200
    assert _differences(closures, listing) == []


def _unpack(reference: str, directory: Path) -> None:
    """The image's files, without its devices, below a directory."""
    made = subprocess.run(["docker", "create", reference, "true"], capture_output=True, text=True, check=True)
    container = made.stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
            unpack = [
                "tar",
                "-x",
                "-C",
                str(directory),
                "--exclude=dev/*",
                "--exclude=usr/share/*",
                "--exclude=var/*",
            ]
            subprocess.run(unpack, stdin=export.stdout, check=True)
        assert export.returncode == 0
    finally:
        subprocess.run(["docker", "rm", "-f", container], capture_output=True, check=True)


def _wheels(directory: Path) -> Iterator[Path]:
    platforms = ["--platform=musllinux_1_2_x86_64", "--platform=musllinux_1_1_x86_64"]
    options = ["--no-deps", "--only-binary=:all:", "--python-version=3.11", f"--dest={directory}"]
    command = [sys.executable, "-m", "pip", "download", "-q", *platforms, *options, *WHEELS]
    subprocess.run(command, check=True, timeout=600, capture_output=True)
    return directory.glob("*.whl")


def _closures(root: Path) -> dict[str, Closure]:
    """The closure of each dynamic ELF file of a tree, as a program run by itself."""
    with DirectoryTree(str(root)) as tree:
        view = View(tree)
        found = [path for place in PLACES for path in _files(view, place)]
        resolver = Resolver(view, CPU)
        objects = resolver.resolve(map(Root, found)).objects
        dynamic = [p for p in found if p in objects and objects[p].dynamic and objects[p].type in LOADABLE]
        return {path: resolver.resolve([Root(path)]) for path in dynamic}


def _files(view: View, directory: str) -> Iterator[str]:
    for name, entry in sorted((view.listing(directory) or {}).items()):
        if entry.kind is Kind.DIRECTORY:
            yield from _files(view, f"{directory}/{name}")
        elif entry.kind is Kind.FILE:
            yield entry.path


def _list_in_container(reference: str, paths: list[str]) -> dict[str, Listing]:
    loop = LOOP.format(recipes.LOADER)
    command = ["docker", "run", "--rm", "-i", "--user=0", "--network=none", "--entrypoint=sh", reference]
    text = "".join(f"{path}\n" for path in paths)
    result = subprocess.run([*command, "-c", loop], input=text, capture_output=True, text=True, timeout=900)
    assert result.returncode == 0, result.stderr
    listing: dict[str, Listing] = {}
    for path, lines, status in re.findall(
        r"^== (/.*)\n((?:(?!== ).*\n)*)== (\d+)$", result.stdout, re.MULTILINE
    ):
        found = dict(re.findall(r"^\t(\S+) => (\S+|not found)(?: \(0x\S+)?$", lines, re.MULTILINE))
        found |= {p: p for p in re.findall(r"^\t(/\S+) \(0x", lines, re.MULTILINE)}
        listing[path] = found if status == "0" else {"": lines.strip()}
    return listing


def _differences(closures: dict[str, Closure], listing: dict[str, Listing]) -> list[str]:
    """Return the differences, file by file: loaded or lost by one and not by the other."""
    found = []
    for path, closure in closures.items():
        ours = {p for _, p in closure.loaded.get(Root(path), ())} | {m.name for m in closure.misses}
        theirs = listing[path].items()
        judged = {p if p != "not found" else n for n, p in theirs if not n.startswith("linux-vdso")}
        if judged != ours:
            found.append(f"{path}: only the loader {judged - ours}, only we {ours - judged}")
    return found
