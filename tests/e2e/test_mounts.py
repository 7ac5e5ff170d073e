"""A run that repeats the traced one finds writable mounts as they were before that."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.tool import report, tracewhale
from tracewhale.errors import ExitCode

pytestmark = pytest.mark.usefixtures("probe")


@pytest.mark.parametrize("target", ["host", "base"])
def test_a_command_that_writes_to_a_mount_is_verified(
    target: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "old").write_text("x")
    name = target if target == "host" else request.getfixturevalue("image")(target)
    script = ("/bin/sh", "-c", "ls /mnt; mkdir /mnt/new; rm /mnt/old")
    found = report("run", "-v", f"{out}:/mnt", "-o", f"oci:{tmp_path}/new", name, "--", *script)
    assert found["verification"]["verdict"] == "output and status equal"
    assert [path.name for path in out.iterdir()] == ["new"]


def test_a_command_that_fails_makes_no_image(tmp_path: Path) -> None:
    done = tracewhale("run", "-o", f"oci:{tmp_path}/new", "host", "--", "/bin/cat", f"{tmp_path}/none")
    assert done.returncode == ExitCode.COMMAND_FAILED
    said = " ".join(done.stderr.decode().split())
    assert "The command ended with status 1. Its last output: /bin/cat: " in said
    assert f"It asked for {tmp_path}/none, which the target does not have" in said
    assert not (tmp_path / "new").exists()
