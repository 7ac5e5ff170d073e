"""Names of targets and of outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracewhale.engines.names import ARCHIVE, DOCKER, HOST, OCI, OCI_ARCHIVE, ROOTFS, Name, parse
from tracewhale.errors import UsageError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("debian", Name(DOCKER, "debian")),
        ("debian:12", Name(DOCKER, "debian:12")),
        ("localhost:5000/a:b", Name(DOCKER, "localhost:5000/a:b")),
        ("docker-daemon:host", Name(DOCKER, "host")),
        ("docker-daemon:oci:latest", Name(DOCKER, "oci:latest")),
        ("host", Name(HOST)),
        ("docker-archive:/a/b.tar", Name(ARCHIVE, "/a/b.tar")),
        ("docker-archive:b.tar:x/y:z", Name(ARCHIVE, "b.tar", "x/y:z")),
        ("oci:dir", Name(OCI, "dir")),
        ("oci:dir:v1", Name(OCI, "dir", "v1")),
        ("oci-archive:file:v1", Name(OCI_ARCHIVE, "file", "v1")),
        ("rootfs:/", Name(ROOTFS, "/")),
        ("rootfs:/with:colon", Name(ROOTFS, "/with:colon")),
    ],
)
def test_names(text: str, name: Name) -> None:
    assert parse(text) == name


def test_what_exists_is_taken_whole(tmp_path: Path) -> None:
    place = tmp_path / "a:b"
    assert parse(f"oci:{place}") == Name(OCI, f"{tmp_path}/a", "b")
    place.mkdir()
    assert parse(f"oci:{place}") == Name(OCI, str(place))


@pytest.mark.parametrize("text", ["docker-archive:", "oci:", "oci-archive:", "rootfs:", "docker-daemon:"])
def test_nothing_behind_the_colon(text: str) -> None:
    with pytest.raises(UsageError, match=f"{text} has no name"):
        parse(text)


@pytest.mark.parametrize(
    "name", [Name(HOST), Name(OCI, "a", "b"), Name(ROOTFS, "/a"), Name(ARCHIVE, "x", "y:z")]
)
def test_a_name_is_what_it_was_parsed_from(name: Name) -> None:
    assert parse(str(name)) == name
