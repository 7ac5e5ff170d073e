"""A run that repeats the traced one finds writable mounts as they were before that."""

from __future__ import annotations

from collections.abc import Callable
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
    assert found["verification"]["verdict"] == "output and status equal, 1 written file alike"
    assert [path.name for path in out.iterdir()] == ["new"]


CONVERTER = """
mkdir -p /srv/out && chown -R 1000 /srv
[ -e /etc/debian_version ] && seq 3 > /srv/out/numbers || : > /srv/out/numbers
date > /srv/out/when; echo $RANDOM > /srv/out/random
"""


def test_files_that_it_writes_count_as_output(image: Callable[[str], str], tmp_path: Path) -> None:
    words = ("--keep", "touched", "-o", f"oci:{tmp_path}/new", image("base"), "--")
    found = report("run", *words, "/bin/bash", "-c", CONVERTER)
    expected = "output and status equal, 3 of 4 written files alike (1 varies with the original itself)"
    assert found["verification"]["verdict"] == expected
    exclude = ("--exclude", "/etc/debian_version")
    done = tracewhale("run", *exclude, *words, "/bin/bash", "-c", CONVERTER)
    assert done.returncode == ExitCode.VERIFICATION
    assert b"The files that it writes differ: /srv/out/numbers is a file of 6 bytes" in done.stderr


def test_a_command_that_fails_makes_no_image(tmp_path: Path) -> None:
    done = tracewhale("run", "-o", f"oci:{tmp_path}/new", "host", "--", "/bin/cat", f"{tmp_path}/none")
    assert done.returncode == ExitCode.COMMAND_FAILED
    said = " ".join(done.stderr.decode().split())
    assert "The command ended with status 1. Its last output: /bin/cat: " in said
    assert f"It asked for {tmp_path}/none, which the target does not have" in said
    assert not (tmp_path / "new").exists()
