"""Build hook: the wheel carries the probe of every architecture, compiled from ``probes/``.

The wheel stays pure (py3-none-any): the binaries run in the containers, whatever machine drives them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProbeBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles what is stale before the wheel, also an editable one, is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        _probes_build(Path(self.root)).build()


def _probes_build(root: Path) -> ModuleType:
    path = root / "probes" / "build.py"
    spec = importlib.util.spec_from_file_location("probes_build", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
