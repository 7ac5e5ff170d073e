"""Scanners see in slim images the packages that are there, and no others."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from docker import DockerClient

from tests import scanners
from tests.e2e.tool import report

SECONDS = 200
Image = Callable[[str], str]


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr


def unpacked(source: str, directory: Path) -> Path:
    """An image as skopeo pulls it and umoci unpacks it."""
    directory.mkdir()
    run("skopeo", "copy", source, f"oci:{directory}/layout:pulled")
    run("umoci", "unpack", "--image", f"{directory}/layout:pulled", directory / "bundle")
    return directory / "bundle" / "rootfs"


def database_of(client: DockerClient, image: str, directory: Path) -> Path:
    """A directory with dpkg's database of an image where it is in the image."""
    place = directory / "original" / scanners.DPKG
    place.mkdir(parents=True)
    container = client.containers.create(image)
    try:
        chunks, _ = container.get_archive(f"/{scanners.DPKG}/status")
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            archive.extract("status", place, filter="data")
    finally:
        container.remove(force=True, v=True)
    return directory / "original"


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize(
    ("name", "workload"),
    [
        ("nginx", "sleep 1"),
        ("flask", "sleep 2"),
        ("node", "sleep 2"),
    ],
    ids=["nginx", "flask", "node"],
)
def test_scanners_find_what_is_there(
    name: str, workload: str, image: Image, docker_client: DockerClient, tmp_path: Path
) -> None:
    original = image(name)
    sbom = tmp_path / "sbom.cdx.json"
    found = report(
        "run", "-o", f"oci:{tmp_path}/slim:v1", "--layers", "4", "--sbom", str(sbom), "--workload", workload,
        original,
    )  # fmt: skip
    root = unpacked(f"oci:{tmp_path}/slim:v1", tmp_path / "slim-copy")
    packages, before = scanners.debian(root), scanners.debian(database_of(docker_client, original, tmp_path))
    told = found["plan"]["packages"]
    assert set(packages) == {each["name"] for each in told["kept"] if each["type"] == "deb"}
    assert packages.items() <= before.items()
    assert set(before) - set(packages) == {e["name"] for e in told["left_out"] if e["type"] == "deb"}
    assert {"libc6", "base-files"} <= set(packages) < set(before)
    identifier, version = scanners.release(root)
    assert (identifier, version.split(".")[0]) == ("debian", "12")

    listed = list(scanners.files_of_debian(root))
    assert all(path.exists() for _, path in listed)
    assert {package for package, _ in listed} <= set(packages)
    for package in packages:
        if any(owner == package and "share/doc" not in str(path) for owner, path in listed):
            assert (root / "usr/share/doc" / package / "copyright").resolve().exists()

    assert {e["name"] for e in told["kept"] if e["type"] == "npm"} == set(scanners.node(root))
    assert {e["name"] for e in told["kept"] if e["type"] == "pypi"} <= set(scanners.python(root))
    assert (name == "flask") == ("Flask" in scanners.python(root))

    text = sbom.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    shown = {each["name"] for each in json.loads(text)["components"] if each.get("purl")}
    assert shown == {each["name"].rpartition("/")[2] for each in told["kept"]}
    assert found["plan"]["surface"]["setuid"]["left"] == []
    assert len(found["plan"]["surface"]["setuid"]["before"]) > 5
