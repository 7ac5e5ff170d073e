"""The probe's journal lies in the container: whatever the command makes of it, nothing else is believed."""

from __future__ import annotations

import io
import itertools
import tarfile
from collections.abc import Callable

import pytest

from tests.e2e.tool import refusal
from tracewhale.engines.docker.container_session import only_file
from tracewhale.errors import ExitCode


def tar(kind: bytes, contents: bytes = b"", **more: object) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("journal")
        member.type, member.size = kind, len(contents)
        for name, value in more.items():
            setattr(member, name, value)
        archive.addfile(member, io.BytesIO(contents))
    return made.getvalue()


def test_a_file() -> None:
    whole = tar(tarfile.REGTYPE, b"journal")
    assert only_file([whole], 7) == b"journal"
    assert only_file([whole[:700], whole[700:]], 7) == b"journal"
    assert only_file([whole], 6) is None


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"no tar" * 200,
        tar(tarfile.SYMTYPE, linkname="/etc/passwd"),
        tar(tarfile.DIRTYPE),
        tar(tarfile.FIFOTYPE),
        tar(tarfile.REGTYPE)[:300],
    ],
)
def test_what_is_no_file(archive: bytes) -> None:
    assert only_file([archive], 100) is None


def test_no_more_is_read_than_says_what_it_is() -> None:
    endless = itertools.chain([tar(tarfile.REGTYPE, bytes(10_000))[:512]], itertools.repeat(bytes(512), 10))
    assert only_file(endless, 100) is None
    assert len(list(endless)) > 8


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize(
    "instead", ["true", "ln -s /dev/zero $J", "ln -s / $J", "mkdir $J", "truncate -s 1T $J", "echo x >$J"]
)
def test_what_a_command_puts_in_its_place(image: Callable[[str], str], instead: str) -> None:
    words = ("sh", "-c", f"J=/.tracewhale/journal; rm $J; {instead}; kill -9 -1; exit 3")
    status, said = refusal("run", image("base"), "--", *words)
    assert status == ExitCode.TRACE_LOST
    assert "journal" in said
