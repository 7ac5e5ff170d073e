"""Logs on a disk that are no logs: neither waited for nor read without an end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tracewhale.errors import TraceFileError
from tracewhale.tracing.strace import FileLines, files


@pytest.mark.parametrize("size", [0, files.SMALL])
def test_lines_are_cut_where_none_of_straces_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    (tmp_path / "log").write_text("a" * 25 + "\nb\n" + "c" * size)
    monkeypatch.setattr(files, "LINE_LIMIT", 20)
    assert list(FileLines(f"{tmp_path}/log"))[:3] == ["a" * 20, "a" * 5 + "\n", "b\n"]


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (f"{tmp_path}/fifo", "/dev/zero"):
        with pytest.raises(TraceFileError, match="is not a regular file"):
            list(FileLines(path))
