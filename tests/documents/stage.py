"""Where the examples of the documents run: a directory of its own, and images that stand for the reader's."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from docker import DockerClient

ROOT = Path(__file__).resolve().parents[2]
SCENE = Path(__file__).parent / "scene"

DOCUMENTS = {
    name: ROOT / (f"docs/{name}.md" if name != "README" else "README.md")
    for name in ("README", "tutorial", "how-to", "faq")
}

WHEELS = "wheels"
"""The directory of the scene from which pip takes TraceWhale where a document has it from PyPI."""

PREFIX = "twdocs-"
"""Of all that the examples make in the engine, so that nothing of the reader's own is touched. Documents that
are run at the same time have a longer one each."""

IMAGES = (
    "shop",
    "sorter",
    "tiny",
    "broken",
    "nginx-light",
    "java-shop",
    "flask-shop",
    "node-shop",
    "ruby-shop",
    "php-shop",
)
NAMES = re.compile(rf"(?<![\w./-])(?=(?:{'|'.join(IMAGES)}):|shop-web\b)")
"""Where a document names an image or a container."""


def renamed(command: str, prefix: str) -> str:
    """Return a command with the names that its images and containers have here."""
    return NAMES.sub(prefix, command)


@contextmanager
def cleared(client: DockerClient) -> Iterator[None]:
    """Remove at the end every container and image that the examples made."""
    try:
        yield
    finally:
        for container in client.containers.list(all=True, filters={"name": PREFIX}):
            container.remove(force=True)
        for tag in [tag for image in client.images.list() for tag in image.tags]:
            if re.match(rf"(?:skinny-|fixed-)?{PREFIX}", tag):
                client.images.remove(tag, force=True)


def prepared(
    directory: Path, image: Callable[[str], str], prefix: str = PREFIX, by_hand: bool = False
) -> None:
    """Fill a directory with what the reader is said to have: a program, a project, images.

    ``prefix`` begins the images' names here. ``by_hand`` adds a clone of this repository, its wheel in the
    place of PyPI's, and larger images.
    """
    shutil.copytree(SCENE, directory)
    program = directory / ".venv" / "bin" / "tracewhale"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tracewhale "$@"\n')
    program.chmod(0o755)
    bases = {"nginx-light": "nginx", "tiny": "static"}
    if by_hand:
        bases |= {"java-shop": "java", "flask-shop": "flask", "node-shop": "node"}
    for name, base in bases.items():
        _docker("tag", image(base), f"{prefix}{name}:latest")
    if by_hand:
        image("tools")
        _clone(directory)
    image("base")
    folders = [*directory.glob("*/Dockerfile"), *(directory.glob("by-hand/*/Dockerfile") if by_hand else ())]
    for folder in sorted(folders):
        _docker("build", "-q", "-t", f"{prefix}{folder.parent.name}:latest", str(folder.parent))


def _clone(directory: Path) -> None:
    """Put the last commit of this repository into a directory, and its wheel."""
    _run("git", "-C", str(ROOT), "archive", "-o", f"{directory}/clone.tar", "HEAD")
    _run("tar", "-xf", f"{directory}/clone.tar", "-C", str(directory))
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel")
    _run(*build, "-d", str(directory / WHEELS), directory=directory)


def _docker(*words: str) -> None:
    _run("docker", *words)


def _run(*words: str, directory: Path = ROOT) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=250, cwd=directory)
