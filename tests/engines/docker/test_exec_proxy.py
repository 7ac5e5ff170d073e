"""The socket that a workload's commands reach the engine by."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from tracewhale.engines.docker.exec_proxy import exec_proxy


def test_a_temporary_directory_may_have_a_long_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with exec_proxy("/nothing", lambda *_: None) as host, socket.socket(socket.AF_UNIX) as client:
        client.connect(host.removeprefix("unix://"))
    assert not Path(host.removeprefix("unix://")).exists()
