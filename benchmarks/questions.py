"""Measure how soon `why` and `diff` answer about a plan of many paths, as commands of their own.

    python benchmarks/questions.py [--paths N] [--runs N]

The plan is made up: N paths in packages, each kept on behalf of another. Commands are run in turns with
`python -c pass`, which no command in Python can be quicker than. Prints medians of elapsed seconds, of
processor seconds, and the ratio of these to Python's own start.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CLI = shlex.split(os.environ.get("TRACEWHALE", f"{shlex.quote(sys.executable)} -m tracewhale"))


def plan(paths: int, mode: int = 0o644) -> dict[str, Any]:
    """A report of a plan as `plan --json` prints it, with the fields that the two verbs read."""
    files: list[dict[str, Any]] = []
    for number in range(paths):
        path = f"/usr/lib/package{number // 20}/module{number}.py"
        by = files[number // 2]["path"] if number else "/usr/bin/python3"
        reason = {
            "why": "imported" if number else "access",
            "by": by,
            "detail": f"module{number} (line 1, import)",
        }
        files.append(
            {
                "path": path, "kind": "file", "mode": mode, "uid": 0, "gid": 0, "size": 1000 + number,
                "reasons": [reason, {"why": "package", "by": f"package{number // 20}", "detail": ""}],
                "packages": [f"deb:package{number // 20}@1.0"],
            }
        )  # fmt: skip
    kept = [{"type": "deb", "name": f"package{n}", "version": "1.0"} for n in range((paths + 19) // 20)]
    return {
        "schema": 1,
        "image": "sha256:0",
        "plan": {"files": files, "excluded": [], "packages": {"kept": kept, "left_out": []}},
    }


def measure(command: list[str]) -> tuple[float, float]:
    """The elapsed and the processor seconds of a command."""
    begin, before = time.monotonic(), os.times()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    elapsed, after = time.monotonic() - begin, os.times()
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr.decode())
    return elapsed, sum(after[2:4]) - sum(before[2:4])


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        first, second = Path(place, "a.json"), Path(place, "b.json")
        first.write_text(json.dumps(plan(options.paths)))
        second.write_text(json.dumps(plan(options.paths, 0o755)))
        last = f"/usr/lib/package{(options.paths - 1) // 20}/module{options.paths - 1}.py"
        commands = {
            "python": [sys.executable, "-c", "pass"],
            "why": [*CLI, "why", str(first), last],
            "diff": [*CLI, "diff", str(first), str(second)],
        }
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(options.runs):
            for name, command in commands.items():
                taken[name].append(measure(command))
    middle = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in taken.items()
    }
    for name, (elapsed, processor) in middle.items():
        ratio = processor / middle["python"][1]
        print(f"{name:<8} {elapsed:6.2f} s elapsed {processor:6.2f} s of a processor {ratio:6.1f}x")


if __name__ == "__main__":
    main()
