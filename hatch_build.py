"""Build hook: the wheel carries the probe of every architecture, and manual pages made from the commands.

The wheel stays pure (py3-none-any): the binaries run in the containers, whatever machine drives them.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EDITABLE = "editable"


class ProbeBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Compiles what is stale before the wheel, also an editable one, is put together."""

    _manual: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        _probes_build(root).build()
        if version != EDITABLE:
            self._manual = tempfile.TemporaryDirectory()
            for path in _write_manual(root, Path(self._manual.name)):
                build_data["shared_data"][str(path)] = f"share/man/man1/{path.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._manual is not None:
            self._manual.cleanup()


def _write_manual(root: Path, directory: Path) -> list[Path]:
    """Write the manual pages of the program in this very directory, whichever is installed."""
    sys.path.insert(0, str(root))
    try:
        from tracewhale.cli import main
        from tracewhale.cli.manual import pages
    finally:
        sys.path.remove(str(root))
    written = []
    for name, text in pages(main, "tracewhale"):
        path = directory / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def _probes_build(root: Path) -> ModuleType:
    path = root / "probes" / "build.py"
    spec = importlib.util.spec_from_file_location("probes_build", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
