"""The images of the tests, made here: nothing is pulled, and nothing is made twice.

A folder beside this file is an image, ``twtest/FOLDER``. Where it holds a Dockerfile the engine builds
it; the others are file trees that the functions below put together and the engine imports. An image
carries a digest of all that it is made from as a label, and is made again only when that has changed.

``python -m tests.images [NAME...]`` makes them by hand.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

HERE = Path(__file__).resolve().parent
PREFIX = "twtest/"
LABEL = "tracewhale.test"
"""On each image: the digest of what it was made from."""

SECONDS = 1200
"""To make one image: the largest installs some 300 MB of packages."""

MIRROR = "http://deb.debian.org/debian"
SOURCES = (
    f"deb {MIRROR} bookworm main",
    f"deb {MIRROR} bookworm-updates main",
    f"deb {MIRROR}-security bookworm-security main",
)
DEBIAN_ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}


class ImageError(Exception):
    """An image of the tests could not be made; the message ends with the tool's last words."""


def names() -> list[str]:
    """Every image that can be asked for."""
    folders = (path.name for path in HERE.iterdir() if path.is_dir() and not path.name.startswith("_"))
    return sorted({*folders, *_IMPORTED})


def ensure(client: DockerClient, name: str) -> str:
    """The reference of an image, which is made first if it is absent or was made from something else."""
    if name not in names():
        raise ImageError(f"there is no image {name}: there are {', '.join(names())}")
    reference = PREFIX + name
    wanted = digest(client, name)
    try:
        before = client.images.get(reference)
    except ImageNotFound:
        before = None
    if before is not None and before.labels.get(LABEL) == wanted:
        return reference
    for needed in _needs(name):
        ensure(client, needed)
    if name in _IMPORTED:
        _import(client, name, wanted)
    else:
        _build(client, name, wanted)
    if before is not None and before.id and before.id != client.images.get(reference).id:
        _remove(client, before.id)
    return reference


def digest(client: DockerClient, name: str) -> str:
    """Identifies what an image is made from: its files or the function that makes it, what it builds on."""
    state = hashlib.sha256(_architecture(client).encode())
    if name in _IMPORTED:
        make, changes = _IMPORTED[name]
        state.update(f"{inspect.getsource(make)} {changes} {SOURCES}".encode())
    for path in sorted((HERE / name).glob("**/*")):
        if path.is_file():
            state.update(f"{path.relative_to(HERE)} {path.stat().st_size}\n".encode())
            state.update(path.read_bytes())
    for needed in _needs(name):
        state.update(digest(client, needed).encode())
    return state.hexdigest()


def _needs(name: str) -> list[str]:
    dockerfile = HERE / name / "Dockerfile"
    if not dockerfile.exists():
        return []
    return sorted(set(re.findall(rf"{PREFIX}([a-z-]+)", dockerfile.read_text())))


def _architecture(client: DockerClient) -> str:
    return str(client.info()["Architecture"])


def _build(client: DockerClient, name: str, wanted: str) -> None:
    # The engine's own builder through its API: no BuildKit plugin of the client is needed.
    deadline = time.monotonic() + SECONDS
    said: list[str] = []
    answers: Iterable[Mapping[str, Any]] = client.api.build(
        path=str(HERE / name),
        tag=PREFIX + name,
        labels={LABEL: wanted},
        network_mode="host",
        rm=True,
        forcerm=True,
        decode=True,
    )
    for answer in answers:
        said.append(str(answer.get("stream", "")))
        if "error" in answer:
            raise ImageError(f"{PREFIX}{name}: {answer['error']}\n{''.join(said)[-2000:]}")
        if time.monotonic() > deadline:
            raise ImageError(f"{PREFIX}{name} is not built after {SECONDS} s\n{''.join(said)[-2000:]}")


def _import(client: DockerClient, name: str, wanted: str) -> None:
    make, changes = _IMPORTED[name]
    with tempfile.TemporaryDirectory(prefix="twtest-") as scratch:
        archive = make(Path(scratch), _architecture(client))
        client.api.import_image(
            str(archive),
            repository=PREFIX + name,
            tag="latest",
            changes=[*changes, f"LABEL {LABEL}={wanted}"],
        )


def _remove(client: DockerClient, identifier: str) -> None:
    try:
        client.images.remove(identifier)
    except APIError as error:
        if error.status_code not in (404, 409):  # gone, or another image is built on it
            raise


MMDEBSTRAP = ("mmdebstrap", "--quiet", '--aptopt=Acquire::Retries "5"')
"""A mirror may fail for a moment: apt tries again, in the order of seconds."""


def _base(scratch: Path, architecture: str) -> Path:
    """Debian bookworm, what debootstrap's minbase has."""
    archive = scratch / "base.tar"
    _run(*MMDEBSTRAP, "--variant=minbase", _debian(architecture), "bookworm", archive, *SOURCES)
    return archive


def _static(scratch: Path, architecture: str) -> Path:
    """No shell, no libc, no directory but those of its four files."""
    program = scratch / "hello"
    _compile(architecture, "-static", "-o", program, HERE / "static" / "hello.c")
    archive = scratch / "static.tar"
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for directory in ("bin", "etc", "data", "srv"):
            _add(tar, directory, kind=tarfile.DIRTYPE)
        _add(tar, "bin/hello", program.read_bytes(), mode=0o755)
        _add(tar, "data/greeting", b"hello whale\n")
        _add(tar, "etc/greeting", kind=tarfile.SYMTYPE, target="../data/greeting")
        _add(tar, "srv/unused", b"\0" * (1 << 20))
    return archive


def _musl(scratch: Path, architecture: str) -> Path:
    """Debian's musl package alone, and a program linked to it that has a library of its own."""
    archive = scratch / "musl.tar"
    choice = ("--variant=extract", "--include=musl", _debian(architecture))
    _run(*MMDEBSTRAP, *choice, "bookworm", archive, SOURCES[0])
    library, program = scratch / "libwhale.so.1", scratch / "hello"
    sources = HERE / "musl"
    _compile(
        architecture, "-shared", "-fPIC", "-Wl,-soname,libwhale.so.1", "-o", library, sources / "libwhale.c"
    )
    _compile(
        architecture, "-dynamic", "-Wl,-rpath,$ORIGIN/../lib", "-o", program, sources / "hello.c", library
    )
    with tarfile.open(archive, "a", format=tarfile.PAX_FORMAT) as tar:
        for directory in ("opt", "opt/whale", "opt/whale/bin", "opt/whale/lib"):
            _add(tar, directory, kind=tarfile.DIRTYPE)
        _add(tar, "opt/whale/bin/hello", program.read_bytes(), mode=0o755)
        _add(tar, "opt/whale/lib/libwhale.so.1", library.read_bytes())
    return archive


_IMPORTED: dict[str, tuple[Callable[[Path, str], Path], tuple[str, ...]]] = {
    "base": (_base, ('CMD ["bash"]',)),
    "static": (_static, ('ENTRYPOINT ["/bin/hello"]',)),
    "musl": (_musl, ('CMD ["/opt/whale/bin/hello"]',)),
}


def _debian(architecture: str) -> str:
    return f"--architectures={DEBIAN_ARCHITECTURE[architecture]}"


def _compile(architecture: str, *arguments: str | Path) -> None:
    target = f"{architecture}-linux-musl"
    _run(sys.executable, "-m", "ziglang", "cc", "-target", target, "-Os", "-s", *arguments)


def _run(*argv: str | Path) -> None:
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        raise ImageError(f"{argv[0]} is missing: tests/run installs what the tests need") from None
    except subprocess.TimeoutExpired:
        raise ImageError(f"{argv[0]} did not end within {SECONDS} s") from None
    if done.returncode != 0:
        raise ImageError(f"{argv[0]} failed: {(done.stdout + done.stderr)[-2000:]}")


def _add(
    tar: tarfile.TarFile,
    name: str,
    content: bytes = b"",
    *,
    mode: int = 0,
    kind: bytes = tarfile.REGTYPE,
    target: str = "",
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, target, len(content)
    member.mode = mode or (0o755 if kind == tarfile.DIRTYPE else 0o644)
    member.mtime = 1_600_000_000
    tar.addfile(member, io.BytesIO(content))
