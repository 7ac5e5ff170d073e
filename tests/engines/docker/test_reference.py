"""Names of images, with the examples of distribution's own tests."""

from __future__ import annotations

import pytest

from tracewhale.engines.docker.reference import check_tag, normalize
from tracewhale.errors import InvalidTag


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("debian", "debian:latest"),
        ("docker.io/library/debian", "debian:latest"),
        ("library/debian:12", "debian:12"),
        ("index.docker.io/a/b", "a/b:latest"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c"),
        ("Registry.example/a", "Registry.example/a:latest"),
        ("a/b__c-d.e--f:V_1.0-x", "a/b__c-d.e--f:V_1.0-x"),
        ("[::1]:5000/a", "[::1]:5000/a:latest"),
        ("x" * 200 + ":" + "t" * 128, "x" * 200 + ":" + "t" * 128),
    ],
)
def test_names(name: str, whole: str) -> None:
    assert check_tag(name) == whole


@pytest.mark.parametrize(
    "name",
    [
        "",
        "A",
        "a:",
        ":a",
        "a//b",
        "/a",
        "a/",
        "-a",
        "a-",
        "a..b",
        "a___b",
        "a b",
        "a:b c",
        "a:-b",
        "a:" + "t" * 129,
        "x" * 256,
        "b" * 64,
        "a@sha256:" + "0" * 64,
        "http://a/b",
        "a\n",
        "ä",
    ],
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(InvalidTag) as caught:
        check_tag(name)
    assert caught.value.hint


def test_a_digest_names_an_image_but_cannot_be_given() -> None:
    digest = "sha256:" + "0" * 64
    assert normalize(f"debian:12@{digest}") == f"debian@{digest}"
