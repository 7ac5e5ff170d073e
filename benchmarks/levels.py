"""What each keep level costs and what it saves, on a corpus of images with requests.

    python benchmarks/levels.py CORPUS [--level LEVEL]... [--alone] [NAME...]

CORPUS is a directory with `measure` and `cases.toml`: a case has requests that are traced and others that the
trace never sees. Each image is traced once; every level is built from that trace and asked all requests. With
--alone each mechanism is measured by itself, added to what the trace touched. One line a case and level, then
a table: MB and requests answered as the original does. TRACEWHALE names the command (default: tracewhale).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import tempfile
import time
import tomllib
from collections import defaultdict
from pathlib import Path

from tracewhale.plan.additions import LANGUAGES
from tracewhale.units import Level, Mechanism

CLI = shlex.split(os.environ.get("TRACEWHALE", "tracewhale"))
MECHANISMS = [LANGUAGES, *(mechanism.value for mechanism in Mechanism)]


def variants(levels: list[str], alone: bool) -> dict[str, list[str]]:
    """The options of each line of the table, by its name."""
    found = {level: ["--keep", level] for level in levels}
    for mechanism in MECHANISMS if alone else []:
        others = [word for other in MECHANISMS if other != mechanism for word in ("--no-unit", other)]
        found[f"+ {mechanism}"] = ["--keep", Level.PACKAGE.value, *others]
    return found


def measure(corpus: Path, name: str, image: str) -> dict[str, object]:
    """How an image answers a case's requests."""
    command = [str(corpus / "measure"), "--keep-image", image, name]
    text = subprocess.run(command, capture_output=True, text=True, timeout=900, check=True).stdout
    return dict(json.loads(text.splitlines()[0]))


def trace(corpus: Path, name: str, place: Path) -> str:
    """Trace a case with its seen requests; returns the file."""
    file = place / f"{name}.trace"
    environ = os.environ | {"TRACEWHALE": shlex.join(CLI), "EXTRA": f"--no-verify --trace-out {file}"}
    environ["EXTRA"] += f" --keep {Level.TOUCHED.value}"
    subprocess.run([str(corpus / "measure"), name], env=environ, capture_output=True, timeout=900, check=True)
    return str(file)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--level", action="append", choices=[level.value for level in Level])
    parser.add_argument("--alone", action="store_true")
    args = parser.parse_args()
    names = args.names or list(tomllib.loads((args.corpus / "cases.toml").read_text()))
    table = variants(args.level or [level.value for level in Level], args.alone)
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * 6)
    with tempfile.TemporaryDirectory() as place:
        for name in names:
            file = trace(args.corpus, name, Path(place))
            for title, options in table.items():
                image = f"levels-tw/{name}:{abs(hash(title))}"
                begin = time.monotonic()
                subprocess.run([*CLI, "build", file, "-t", image, *options], capture_output=True, check=True)
                took = time.monotonic() - begin
                line = measure(args.corpus, name, image)
                subprocess.run(["docker", "rmi", image], capture_output=True, check=False)
                print(json.dumps({"level": title, **line, "seconds": round(took, 1)}), flush=True)
                counts = [int(n) for key in ("seen", "held") for n in str(line[key]).split("/")]
                row = sums[title]
                for at, value in enumerate([float(str(line["slim_mb"])), *counts, took]):
                    row[at] += value
    print(f"{'level':16} {'MB':>9} {'seen':>9} {'held':>9} {'s':>7}")
    for title, (size, seen, all_seen, held, all_held, took) in sums.items():
        print(f"{title:16} {size:9.1f} {seen:4.0f}/{all_seen:<4.0f} {held:4.0f}/{all_held:<4.0f} {took:7.1f}")


if __name__ == "__main__":
    main()
