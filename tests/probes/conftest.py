"""Targets in C, as the tests of the native probe have them."""

from __future__ import annotations

from tests.probe.conftest import program

__all__ = ["program"]
