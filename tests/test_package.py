"""The package installs what was built: the wheel, the source archive, the program in a clean environment."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docker import DockerClient
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from probes.build import ARCHITECTURES

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = """FROM twtest/flask
USER root
COPY site /opt/tracewhale
ENV PYTHONPATH=/opt/tracewhale
ENTRYPOINT ["python3", "-m", "tracewhale"]
"""
"""An image of TraceWhale on Debian's Python 3.11, which has no pip."""


def run(*argv: str | Path, cwd: Path = ROOT) -> str:
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(
        argv, cwd=cwd, capture_output=True, text=True, timeout=250, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(probe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the wheel and the source archive, and nothing else."""
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", directory)
    return directory


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment with the wheel installed in it, and this one's libraries beside it."""
    directory = tmp_path_factory.mktemp("clean")
    venv.create(directory, with_pip=False)
    (wheel,) = built.glob("*.whl")
    python = directory / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel)
    # A directory that a .pth names has its own .pth files ignored: not this environment's editable install.
    (place,) = directory.glob("lib/python*/site-packages")
    (place / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return directory / "bin"


def test_the_wheel_is_pure_and_carries_every_probe(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {item.filename: item.external_attr >> 16 & 0o777 for item in archive.infolist()}
        programs = [archive.read(f"tracewhale/probe/bin/probe-{each}")[:4] for each in ARCHITECTURES]
    assert programs == [b"\x7fELF"] * len(ARCHITECTURES)
    in_probe = {name: mode for name, mode in inside.items() if name.startswith("tracewhale/probe/bin/")}
    assert in_probe == {f"tracewhale/probe/bin/probe-{each}": 0o755 for each in ARCHITECTURES}
    manual = {name.rpartition("/")[2] for name in inside if ".data/data/share/man/man1/" in name}
    assert {"tracewhale.1", "tracewhale-run.1"} <= manual
    data = (*ROOT.glob("tracewhale/rules/*.toml"), *ROOT.glob("tracewhale/report/page/page.*"))
    needed = {path.relative_to(ROOT).as_posix() for path in data}
    assert needed | {"tracewhale/py.typed", "tracewhale/report/schema.json"} <= inside.keys()


def test_the_source_archive_has_all_that_the_probe_is_built_from(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("probes/**/*.[ch]")} <= names
    assert {"probes/build.py", "hatch_build.py", "LICENSE", "README.md"} <= names
    assert not [name for name in names if name.startswith("tracewhale/probe/bin")]


def test_the_installed_program_is_the_wheel_and_not_this_checkout(installed: Path, tmp_path: Path) -> None:
    where = "import tracewhale; print(tracewhale.__file__)"
    assert run(installed / "python", "-c", where, cwd=tmp_path).startswith(str(installed.parent))
    assert run(installed / "tracewhale", "--version", cwd=tmp_path).startswith("tracewhale, version ")


def test_the_installed_program_does_the_main_job(
    installed: Path, image: Callable[[str], str], new_tag: Callable[[], str], leaves_nothing: Path
) -> None:
    tag = new_tag()
    said = run(installed / "tracewhale", "run", "-t", tag, image("static"), cwd=leaves_nothing)
    assert said == "hello whale\n"
    assert run("docker", "run", "--rm", tag, cwd=leaves_nothing) == "hello whale\n"


def libraries() -> Iterator[importlib.metadata.Distribution]:
    """Yield the installed libraries that the wheel requires, each once."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pending = [Requirement(line) for line in project["dependencies"]]
    seen = set()
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        if name not in seen and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
            seen.add(name)
            distribution = importlib.metadata.distribution(name)
            pending += [Requirement(line) for line in distribution.requires or ()]
            yield distribution


def copy_files(distribution: importlib.metadata.Distribution, site: Path) -> None:
    for file in distribution.files or ():
        source = Path(str(file.locate()))
        if ".." not in file.parts and source.is_file() and file.suffix != ".pyc":
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, site / file)


@pytest.fixture
def own_image(built: Path, image: Callable[[str], str], new_tag: Callable[[], str], tmp_path: Path) -> str:
    image("flask")
    (wheel,) = built.glob("*.whl")
    install = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile")
    run(*install, "--target", tmp_path / "site", wheel)
    for distribution in libraries():
        copy_files(distribution, tmp_path / "site")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    tag = new_tag()
    run("docker", "build", "-q", "-t", tag, tmp_path)
    return tag


def test_its_own_image_made_slim_by_itself_works(
    own_image: str, image: Callable[[str], str], new_tag: Callable[[], str], docker_client: DockerClient
) -> None:
    socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
    mount = ("-v", f"{socket}:/var/run/docker.sock")
    slim, inner, tiny = new_tag(), new_tag(), image("static")
    traced = ("run", "-q", "-t", inner, tiny)
    make = (sys.executable, "-m", "tracewhale", "run", "--no-verify", "-t", slim)
    run(*make, *mount, own_image, "--", *traced)
    whole, small = (docker_client.images.get(name).attrs["Size"] for name in (own_image, slim))
    assert small < whole / 3
    start = ("docker", "run", "--rm", *mount, slim)
    assert run(*start, "--version").startswith("tracewhale, version ")
    assert json.loads(run(*start, "doctor", "--json"))["probes"]
    assert run(*start, "run", "-t", inner, tiny) == "hello whale\n"
