"""SBOMs, judged by the validators of SPDX and CycloneDX."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from spdx_tools.spdx.model.document import Document
from spdx_tools.spdx.model.spdx_no_assertion import SpdxNoAssertion
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from tests.sample_images import CONFIG, ORIGINAL, write_sample
from tracewhale.errors import UsageError
from tracewhale.image import sbom
from tracewhale.image.recipe import Original, Recipe, describe, write_sbom
from tracewhale.image.sbom.names import expression, package_url
from tracewhale.packages import Distribution, Package

NAME, IMAGE = "shop:slim", "sha256:" + "1" * 64


def dumped(form: str, original: Original = ORIGINAL) -> bytes:
    with write_sample(Recipe(sbom_file="x", form=form), original=original) as (made, _):
        found = describe(made.plan, made.digests, original, CONFIG["created"], name=NAME, image=IMAGE)
        return sbom.dumps(found, form)


@pytest.fixture
def spdx(tmp_path: Path) -> Document:
    (tmp_path / "sbom.spdx.json").write_bytes(dumped("spdx"))
    return parse_file(str(tmp_path / "sbom.spdx.json"))


@pytest.fixture
def cyclonedx() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(dumped("cyclonedx"))
    return loaded


@pytest.mark.parametrize("original", [ORIGINAL, Original("", "", {})], ids=["image", "directory"])
def test_spdx_is_valid(tmp_path: Path, original: Original) -> None:
    (tmp_path / "sbom.spdx.json").write_bytes(dumped("spdx", original))
    document = parse_file(str(tmp_path / "sbom.spdx.json"))
    assert [str(message.validation_message) for message in validate_full_spdx_document(document)] == []
    assert document.creation_info.spdx_version == "SPDX-2.3"


@pytest.mark.parametrize("original", [ORIGINAL, Original("", "", {})], ids=["image", "directory"])
def test_cyclonedx_is_valid(original: Original) -> None:
    text = dumped("cyclonedx", original).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert json.loads(text)["specVersion"] == "1.6"


def test_spdx_tells_packages_files_and_reasons(spdx: Document) -> None:
    packages = {package.name: package for package in spdx.packages}
    assert sorted(packages) == ["libb", "libc6", NAME, "tool", "x", "y"]
    assert packages["libc6"].comment == "whole: all of its files are kept"
    assert packages["tool"].comment == "partial: only some of its files are kept"
    assert packages["x"].license_declared == expression("Apache-2.0 OR MIT")
    assert isinstance(packages["y"].license_declared, SpdxNoAssertion)
    assert packages["y"].license_comment == "see file"
    assert packages[NAME].version == IMAGE
    assert packages[NAME].comment == f"made from debian:12@{ORIGINAL.digest}"
    files = {file.name: file for file in spdx.files}
    library = files["./usr/lib/libc.so.6"]
    assert [checksum.value for checksum in library.checksums] == [
        hashlib.sha1(b"the C library").hexdigest(),
        hashlib.sha256(b"the C library").hexdigest(),
    ]
    assert library.comment == "read by /opt/app/main"
    contained = {(r.spdx_element_id, r.related_spdx_element_id) for r in spdx.relationships}
    assert (packages["libc6"].spdx_id, library.spdx_id) in contained
    assert (packages[NAME].spdx_id, files["./opt/app/main"].spdx_id) in contained
    assert (packages[NAME].spdx_id, library.spdx_id) not in contained
    assert "./opt/app/caf\\xe9" in files


def test_cyclonedx_tells_the_same(cyclonedx: dict[str, Any]) -> None:
    top = {each["name"]: each for each in cyclonedx["components"]}
    libc = top["libc6"]
    assert libc["purl"] == "pkg:deb/debian/libc6@2.36-9?arch=amd64&upstream=glibc"
    assert libc["properties"] == [{"name": "tracewhale:kept", "value": "whole"}]
    assert top["tool"]["properties"] == [{"name": "tracewhale:kept", "value": "partial"}]
    assert libc["supplier"] == {"name": "Libc <libc@example.org>"}
    assert top["x"]["licenses"] == [{"expression": "Apache-2.0 OR MIT"}]
    assert top["y"]["licenses"] == [{"license": {"name": "see file"}}]
    (library,) = (each for each in libc["components"] if each["name"] == "/usr/lib/libc.so.6")
    assert library["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"the C library").hexdigest()}]
    assert library["properties"] == [{"name": "tracewhale:reason", "value": "read by /opt/app/main"}]
    assert top["/opt/app/main"]["type"] == "file"
    assert cyclonedx["metadata"]["component"]["version"] == IMAGE
    assert cyclonedx["metadata"]["timestamp"] == "2026-01-02T03:04:05+00:00"


@pytest.mark.parametrize("form", sbom.FORMATS)
def test_the_same_image_gives_the_same_sbom(form: str) -> None:
    assert dumped(form) == dumped(form)


@pytest.mark.parametrize("form", sbom.FORMATS)
def test_another_image_is_another_document(form: str) -> None:
    member = {"spdx": "documentNamespace", "cyclonedx": "serialNumber"}[form]
    other = Original("debian:13", ORIGINAL.digest, CONFIG)
    assert json.loads(dumped(form))[member] != json.loads(dumped(form, other))[member]


def test_a_file_gets_the_sbom(tmp_path: Path) -> None:
    place = tmp_path / "sbom.cdx.json"
    recipe = Recipe(sbom_file=str(place), form="cyclonedx")
    with write_sample(recipe) as (made, _):
        write_sbom(made, ORIGINAL, recipe, NAME, IMAGE)
    assert place.read_bytes() == dumped("cyclonedx")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("x.spdx.json", "spdx"),
        ("x.json", "spdx"),
        ("x.cdx.json", "cyclonedx"),
        ("/a/bom.json", "cyclonedx"),
        ("CycloneDX.json", "cyclonedx"),
        ("cyclonedx/x.json", "spdx"),
    ],
)
def test_a_name_tells_the_form(name: str, form: str) -> None:
    assert sbom.form_of(name) == form


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tracewhale.image.sbom.spdx", None)
    with pytest.raises(UsageError) as caught:
        sbom.check("spdx")
    assert caught.value.hint == "Run: pip install 'tracewhale[sbom]'"


@pytest.mark.parametrize(
    ("package", "url"),
    [
        (Package("deb", "libb", "1:1.0", "amd64"), "pkg:deb/debian/libb@1:1.0?arch=amd64&distro=debian-12"),
        (
            Package("deb", "a", "2", "all", source="s", source_version="1"),
            "pkg:deb/debian/a@2?arch=all&distro=debian-12&upstream=s%401",
        ),
        (
            Package("rpm", "a", "4:1.2-3", "noarch", source="a-1.2-3.src.rpm"),
            "pkg:rpm/debian/a@1.2-3?arch=noarch&distro=debian-12&epoch=4&upstream=a-1.2-3.src.rpm",
        ),
        (Package("npm", "part", "1", namespace="@scope"), "pkg:npm/%40scope/part@1"),
        (Package("maven", "core", "2", namespace="org.example"), "pkg:maven/org.example/core@2"),
        (Package("pypi", "Flask", "2"), "pkg:pypi/flask@2"),
        (Package("gem", "rack", "2.2"), "pkg:gem/rack@2.2"),
    ],
)
def test_package_urls(package: Package, url: str) -> None:
    found = package_url(package, Distribution("debian", "12"))
    assert PackageURL.from_string(url) == found


@pytest.mark.parametrize("text", ["", "see file", "MIT AND", "GPL-99.0", "(" * 50, "MIT OR Nonsense"])
def test_what_is_no_expression_is_none(text: str) -> None:
    assert expression(text) is None
