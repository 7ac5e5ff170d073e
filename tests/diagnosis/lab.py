"""Broken root file systems: made from healthy ones, run, diagnosed, and mended by the printed remedy."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracewhale.context import Context
from tracewhale.diagnosis import Diagnosis
from tracewhale.diagnosis.text import render
from tracewhale.engines.base import Request
from tracewhale.engines.registry import Engines
from tracewhale.examine import References, examine
from tracewhale.running.options import parse_options
from tracewhale.stages import Job
from tracewhale.tracing.events import Step


@dataclass
class Lab:
    """One root file system that a test breaks, and the whole one that it was made from."""

    root: Path
    full: Path
    sources: Path

    def path(self, name: str) -> Path:
        """Where a path of the image is, with the links on its way resolved inside of it."""
        here, rest = self.root, [part for part in name.split("/") if part]
        while rest:
            part = rest.pop(0)
            here = here / part
            if here.is_symlink() and rest:
                target = os.readlink(here)
                rest = [p for p in target.split("/") if p] + rest
                here = self.root if target.startswith("/") else here.parent
        return here

    def remove(self, *patterns: str) -> None:
        """Delete what some globs match; each must match."""
        for pattern in patterns:
            above, _, name = pattern.rpartition("/")
            found = list(self.path(above).glob(name))
            assert found, pattern
            for each in found:
                shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> None:
        """A new file in place of what there is: hard links to the healthy tree are not written through."""
        place = self.path(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        place.chmod(mode)

    def mode(self, name: str, mode: int) -> None:
        """Change a mode, of this tree's file alone."""
        place = self.path(name)
        if place.is_file():
            content = place.read_bytes()
            place.unlink()
            place.write_bytes(content)
        place.chmod(mode)

    def directory(self, name: str, mode: int = 0o755, owner: int = 0) -> None:
        place = self.path(name)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(mode)
        os.chown(place, owner, owner)

    def link(self, name: str, target: str) -> None:
        place = self.path(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    def compile(self, name: str, source: str, *flags: str, target: str = "x86_64-linux-gnu.2.36") -> None:
        """Compile a C program or library into the tree; once for each source and target."""
        made = compiled(self.sources, source, target, flags)
        self.write(name, made.read_bytes(), 0o755)


def compiled(directory: Path, source: str, target: str, flags: Sequence[str]) -> Path:
    """A compiled program, of which the same source and flags make the same file."""
    inputs = [Path(word.rpartition("=")[2]) for word in flags]
    read = [each.read_bytes() for each in inputs if each.is_file()]
    name = hashlib.sha256(repr((source, target, flags, read)).encode()).hexdigest()[:24]
    place = directory / name
    if not place.exists():
        code = directory / f"{name}.c"
        code.write_text(source)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "ziglang",
                "cc",
                "-target",
                target,
                "-Os",
                "-s",
                "-o",
                place,
                code,
                *flags,
            ],
            check=True,
            capture_output=True,
        )
    return place


@dataclass(frozen=True)
class Broken:
    """A kind of failure: how a healthy tree gets it, what is run then, what the first finding must be.

    ``base`` is a sample image (empty: nothing at all). ``against`` gives the healthy tree to the diagnosis.
    ``healthy`` is done to the healthy tree and to the broken one before it is broken.
    """

    kind: str
    cause: str
    command: tuple[str, ...]
    breaks: Callable[[Lab], None]
    base: str = "base"
    against: bool = False
    healthy: Callable[[Lab], None] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    remedy: int = 0


@contextmanager
def layered(place: Path, *below: Path) -> Iterator[Path]:
    """Mount a tree over others, the highest first; its changes lie in ``upper_of(place)`` until the end."""
    upper, work = upper_of(place), place.with_name(f"{place.name}.work")
    for directory in (place, upper, work):
        directory.mkdir()
    options = f"lowerdir={':'.join(map(str, below))},upperdir={upper},workdir={work}"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)
        subprocess.run(["rm", "-rf", place, upper, work], check=True)


def upper_of(place: Path) -> Path:
    """Return the directory with what a layered tree has beside those below it."""
    return place.with_name(f"{place.name}.upper")


def run(
    root: Path, command: Sequence[str], options: Mapping[str, Any], against: Path | None = None
) -> Diagnosis:
    """Return what ``tracewhale diagnose rootfs:ROOT --against rootfs:FULL -- COMMAND`` finds."""
    parsed = parse_options(environ={}, **{name: value for name, value in options.items() if name != "steps"})
    steps = tuple(Step(kind, argument) for kind, argument in options.get("steps", ()))
    job = Job(f"rootfs:{root}", Request(parsed, tuple(command)), steps)
    given = References(against=f"rootfs:{against}" if against else "")
    return examine(Engines(lambda text: None), job, Context(), given)


def mend(lab: Lab, text: str, remedy: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Do what a remedy's lines say, to the tree or to the options of the run, which are returned."""
    assert all(line in text for line in remedy), "a remedy is printed"
    changed = {
        name: list(value) if isinstance(value, (list, tuple)) else value for name, value in options.items()
    }
    for line in remedy:
        words = shlex.split(line)
        if words[0] == "COPY":
            _copy(lab, words[2:])
        elif words[0] == "ENV":
            changed.setdefault("env", []).append(_expanded(words[1]))
        elif words[0] == "WORKDIR":
            changed["workdir"] = words[1]
        elif words[0].startswith("-"):
            for option, value in zip(words[::2], words[1::2], strict=True):
                name = {"-e": "env", "-v": "volume"}.get(option, option.removeprefix("--").replace("-", "_"))
                several = name in ("env", "tmpfs", "cap_add", "volume")
                changed[name] = [*changed.get(name, ()), value] if several else value
        elif "apt-get install" in line:
            _install(lab, [word for word in words[words.index("install") + 1 :] if not word.startswith("-")])
        else:
            _shell(lab, line)
    return changed


def _expanded(assignment: str) -> str:
    return assignment.replace("$PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


def _copy(lab: Lab, words: Sequence[str]) -> None:
    """COPY --from: a file with what it leads to, a directory with all that is in it."""
    *sources, place = words
    whole = Lab(lab.full, lab.full, lab.sources)
    for source in sources:
        found = whole.path(source.rstrip("/"))
        while found.is_symlink():
            target = os.readlink(found)
            found = whole.path(
                target
                if target.startswith("/")
                else f"{os.path.dirname('/' + str(found.relative_to(lab.full)))}/{target}"
            )
        if found.is_dir():
            shutil.copytree(found, lab.path(place.rstrip("/")), symlinks=True, dirs_exist_ok=True)
            continue
        lab.write(f"{place}{os.path.basename(source)}", found.read_bytes(), found.stat().st_mode & 0o7777)


def _install(lab: Lab, packages: Sequence[str]) -> None:
    """Do to the files what apt-get does: write those of each package, as the healthy tree has them."""
    for package in packages:
        info = lab.full / "var/lib/dpkg/info"
        (listed,) = [*info.glob(f"{package}.list"), *info.glob(f"{package}:*.list")]
        whole = Lab(lab.full, lab.full, lab.sources)
        for name in listed.read_text().splitlines():
            source, place = whole.path(name), lab.path(name)
            if source.is_symlink() and not os.path.lexists(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(os.readlink(source))
            elif source.is_file() and not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, place)
            elif source.is_dir():
                place.mkdir(parents=True, exist_ok=True)


def _shell(lab: Lab, line: str) -> None:
    """A line of a shell, in the tree where it has one, else on its paths from outside."""
    if (lab.root / "bin/sh").exists():
        null = lab.root / "dev/null"  # without which git does nothing
        made = not null.exists()
        if made:
            null.parent.mkdir(exist_ok=True)
            os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        try:
            subprocess.run(["chroot", lab.root, "/bin/sh", "-ec", line], check=True, capture_output=True)
        finally:
            if made:
                null.unlink()
        return
    outside = re.sub(r"(?<=\s)(/[\w./-]+)", lambda found: f"{lab.root}{found[1]}", line)
    subprocess.run(["/bin/sh", "-ec", outside], check=True, capture_output=True)


def printed(found: Diagnosis) -> str:
    """The four lines."""
    return render(found)
