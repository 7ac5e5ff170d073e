"""Targets in C as the tests of the native probe have them, and runs on the engine by any probe."""

from __future__ import annotations

from tests.engines.docker.conftest import api, probe_bytes, runner
from tests.probe.conftest import program

__all__ = ["api", "probe_bytes", "program", "runner"]
