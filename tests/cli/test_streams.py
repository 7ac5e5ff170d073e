"""Standard streams that are closed, full, or read by nobody, and mistakes of our own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tracewhale.errors import ExitCode
from tracewhale.report.json import schema

SECONDS = 60
NO_ENGINE = {**os.environ, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
TOOL = f"{sys.executable} -m tracewhale"


def shell(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script in which $TOOL is the tool, where there is no engine."""
    environment = {**NO_ENGINE, "TOOL": TOOL}
    return subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", ">/dev/full"])
@pytest.mark.parametrize("words", ["run -i img", "run --json img"])
def test_an_error_has_its_exit_code_whoever_listens(closed: str, words: str) -> None:
    done = shell(f"$TOOL {words} {closed}")
    assert done.returncode == ExitCode.ENGINE, done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_opened_gets_no_number_of_a_standard_stream(tmp_path: Path) -> None:
    (tmp_path / "app").write_text("app")
    done = shell(f"$TOOL trace -o {tmp_path}/trace rootfs:{tmp_path} -- /app <&- >&-")
    assert done.returncode == ExitCode.COMMAND_NOT_FOUND, done.stderr
    assert "cannot be executed" in done.stderr


def test_progress_that_nobody_reads_is_no_interruption(tmp_path: Path) -> None:
    run = f"$TOOL run --keep touched -o oci:{tmp_path}/layout host -- /bin/sleep 2"
    script = f"{run} 2>&1 | head -1; echo ${{PIPESTATUS[0]}}"
    done = shell(script)
    assert done.stdout.splitlines()[-1] == str(int(ExitCode.OK))
    assert (tmp_path / "layout").exists()


MISTAKEN = """
import sys
from tracewhale import pipeline
from tracewhale.__main__ import start

def run(*words, **more):
    raise RuntimeError("so wrong")

pipeline.run = run
sys.argv = ["tracewhale", "run", "--json", "img"]
start()
"""


def test_a_mistake_of_ours_is_told_as_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MISTAKEN], capture_output=True, text=True, check=False, timeout=SECONDS
    )
    assert done.returncode == ExitCode.INTERNAL
    assert "Traceback" in done.stderr
    assert "An unexpected RuntimeError was raised: so wrong." in done.stderr
    found = json.loads(done.stdout)
    jsonschema.validate(found, schema())
    assert found["error"]["code"] == ExitCode.INTERNAL
