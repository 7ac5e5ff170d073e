"""The GitHub Action, run step by step as a runner does: with inputs, and ``GITHUB_PATH`` after each step."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
EXPRESSION = re.compile(r"\$\{\{ *([\w.]+) *\}\}")


def steps() -> list[dict[str, Any]]:
    """The steps, all of which are scripts of bash."""
    loaded: dict[str, Any] = yaml.safe_load(ACTION.read_text())
    assert all(step["shell"] == "bash" for step in loaded["runs"]["steps"])
    return list(loaded["runs"]["steps"])


def run_action(
    directory: Path, inputs: Mapping[str, str], environment: Mapping[str, str], path: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the steps in a directory until one fails, and return the last one's end.

    ``path`` is where the runner finds programs.
    """
    given = {name: str(each.get("default", "")) for name, each in _inputs().items()}
    assert {*inputs} <= {*given}
    given.update(inputs)
    values = {"github.action_path": str(ROOT), **{f"inputs.{name}": text for name, text in given.items()}}
    added = directory / "github_path"
    added.touch()
    for step in steps():
        paths = [*reversed(added.read_text().splitlines()), path]
        own = {name: EXPRESSION.sub(lambda use: values[use[1]], text) for name, text in step["env"].items()}
        runner = {"RUNNER_TEMP": str(directory), "GITHUB_PATH": str(added), "PATH": ":".join(paths)}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            check=False,
            capture_output=True,
            cwd=directory,
            env={**environment, **runner, **own},
            timeout=300,
        )
        if done.returncode:
            break
    return done


def _inputs() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(ACTION.read_text())["inputs"]
    return loaded


def pip_that_installs(directory: Path, program: str) -> str:
    """Return a ``PATH`` whose ``python3 -m venv`` makes a pip.

    Its ``install`` writes the script ``program`` as ``tracewhale``, and its own words into ``installed``.
    """
    programs = directory / "programs"
    programs.mkdir()
    script = directory / "tracewhale.sh"
    script.write_text(program)
    python = programs / "python3"
    python.write_text(
        f"""#!/bin/sh
[ "$1 $2" = "-m venv" ] || exit 9
mkdir -p "$3/bin"
cat > "$3/bin/pip" <<'PIP'
#!/bin/sh
printf '%s|' "$@" > {directory}/installed
install -m 755 {script} "$(dirname "$0")/tracewhale"
PIP
chmod +x "$3/bin/pip"
"""
    )
    python.chmod(0o755)
    return f"{programs}:{os.environ['PATH']}"
