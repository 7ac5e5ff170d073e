"""Platforms as ``--platform`` and image configurations name them."""

from __future__ import annotations

import pytest

from tracewhale.platforms import matches, runs


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ("linux", True),
        ("linux/amd64", True),
        ("amd64", True),
        ("linux/x86_64", True),
        ("Linux/AMD64", True),
        ("linux/arm64", False),
        ("linux/am", False),
        ("windows/amd64", False),
    ],
)
def test_platforms(wanted: str, fits: bool) -> None:
    assert matches(wanted, "linux/amd64") is fits


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [("arm", True), ("linux/arm/v7", True), ("linux/arm/v6", False), ("linux/arm64", False)],
)
def test_variants(wanted: str, fits: bool) -> None:
    assert matches(wanted, "linux/arm/v7") is fits
    assert matches("linux/arm64/v8", "linux/arm64")


def test_a_machine_runs_the_smaller_sister_of_its_architecture() -> None:
    assert runs("386", "amd64")
    assert runs("arm", "arm64")
    assert runs("", "riscv64")
    assert not runs("amd64", "386")
    assert not runs("arm64", "amd64")
