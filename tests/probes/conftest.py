"""Targets in C as the tests of the native probe have them, and runs on the engine by any probe."""

from __future__ import annotations

from tests.probe.conftest import program
from tests.targets.docker.conftest import api, probe_bytes, runner

__all__ = ["api", "probe_bytes", "program", "runner"]
