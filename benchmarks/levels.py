"""Measure what each keep level costs and saves, on a corpus of images with requests.

    python benchmarks/levels.py CORPUS [--cases FILE] [--level LEVEL]... [--alone] [--lines FILE] [NAME...]

CORPUS is a directory with `measure`, and `cases.toml` unless --cases names another: a case has requests that
are traced and others that the trace never sees. Each image is traced once; every level is built from that
trace and asked all requests, and an answer counts where the original gives the same; what it does not answer
alike twice is not asked, and an image with the layers of another is not asked again. With --alone each
mechanism is measured by itself, added to what the trace touched.
One line a case and variant, appended to --lines, then the table; variants that have a line there already are
not measured again. TRACEWHALE names the command.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import runpy
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tracewhale.units import Level, Mechanism

CLI = shlex.split(os.environ.get("TRACEWHALE", "tracewhale"))
MECHANISMS = [mechanism.value for mechanism in Mechanism]
SECONDS = 900


def variants(levels: list[str], alone: bool) -> dict[str, list[str]]:
    """The options of each line of the table, by its name."""
    found = {level: ["--keep", level] for level in levels}
    for mechanism in MECHANISMS if alone else []:
        others = [word for other in MECHANISMS if other != mechanism for word in ("--no-unit", other)]
        found[f"+ {mechanism}"] = ["--keep", Level.PACKAGE.value, *others]
    return found


def functions_of(measure: Path) -> dict[str, Any]:
    """The functions of the corpus's `measure`, which is a script: it is run on no cases."""
    words, sys.argv = sys.argv, [str(measure), "--cases", os.devnull]
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        found = runpy.run_path(str(measure))
    sys.argv = words
    return found


def call(*words: str) -> None:
    """Run a command of TraceWhale's. Raises RuntimeError with its last words."""
    done = subprocess.run(
        [*CLI, *words], capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{shlex.join(words)}: exit {done.returncode}: {done.stderr[-300:]}")


def lines_of(
    corpus: dict[str, Any], name: str, case: dict[str, Any], table: dict[str, list[str]]
) -> Iterator[dict[str, Any]]:
    """Measure one case: trace it once, then build every variant and ask it."""
    original = corpus["image_of"](name, case["folder"])
    with tempfile.TemporaryDirectory() as place:
        file = str(Path(place) / "trace")
        call("trace", original, "-o", file, *corpus["drive"](name, case))
        want = steady(corpus, original, case)
        known: dict[str, list[dict[str, Any]]] = {}
        for title, options in table.items():
            image = f"levels-tw/{name}:{list(table).index(title)}"
            begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
            call("build", file, "-t", image, *options)
            after, took = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begin
            try:
                layers = layers_of(image)
                known[layers] = got = known.get(layers) or corpus["answers"](image, case)
                size = corpus["size_of"](image)
            finally:
                subprocess.run(["docker", "rmi", image], capture_output=True, check=False)
            line: dict[str, Any] = {"case": name, "variant": title, "mb": round(size / 1e6, 1)}
            line |= {"seconds": round(took, 1), "cpu": round(_spent(after) - _spent(before), 1)}
            for key, theirs, ours in zip(("seen", "held"), want, got, strict=True):
                line[key] = [sum(theirs[ask] == ours.get(ask) for ask in theirs), len(theirs)]
                line[f"{key}_differs"] = [ask for ask in theirs if theirs[ask] != ours.get(ask)]
            yield line


def layers_of(image: str) -> str:
    """The digests of an image's layers."""
    form = "{{json .RootFS.Layers}}"
    words = ["docker", "image", "inspect", "-f", form, image]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def steady(corpus: dict[str, Any], original: str, case: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of the original to seen and held requests, without those that it does not repeat."""
    once, again = corpus["answers"](original, case), corpus["answers"](original, case)
    return [
        {ask: answer for ask, answer in ours.items() if theirs.get(ask) == answer}
        for ours, theirs in zip(once, again, strict=True)
    ]


def _spent(usage: resource.struct_rusage) -> float:
    return usage.ru_utime + usage.ru_stime


def show(lines: list[dict[str, Any]]) -> None:
    """Print the table: sums over the cases that have a line for every variant."""
    titles = list(dict.fromkeys(line["variant"] for line in lines))
    by_case: dict[str, dict[str, dict[str, Any]]] = {}
    for line in lines:
        by_case.setdefault(line["case"], {})[line["variant"]] = line
    whole = {name: rows for name, rows in by_case.items() if len(rows) == len(titles)}
    print(f"{len(whole)} images: {', '.join(whole)}\n")
    print(f"{'':16} {'MB':>9} {'seen':>9} {'held':>9} {'s':>7} {'CPU s':>7}")
    for title in titles:
        rows = [case[title] for case in whole.values()]
        size, took, cpu = (sum(row[key] for row in rows) for key in ("mb", "seconds", "cpu"))
        seen, held = (
            "/".join(str(sum(row[key][n] for row in rows)) for n in (0, 1)) for key in ("seen", "held")
        )
        print(f"{title:16} {size:9.1f} {seen:>9} {held:>9} {took:7.1f} {cpu:7.1f}")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--cases", type=Path)
    parser.add_argument("--level", action="append", choices=[level.value for level in Level])
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--lines", type=Path)
    args = parser.parse_intermixed_args()
    file = args.cases or args.corpus / "cases.toml"
    cases = tomllib.loads(file.read_text())
    corpus = functions_of(args.corpus / "measure")
    table = variants(args.level or [level.value for level in Level], args.alone)
    known = args.lines.read_text().splitlines() if args.lines and args.lines.exists() else []
    lines = [json.loads(line) for line in known]
    for name in args.names or cases:
        measured = {line["variant"] for line in lines if line["case"] == name}
        wanted = {title: options for title, options in table.items() if title not in measured}
        case = cases[name] | {"folder": file.resolve().parent / name}
        try:
            for line in lines_of(corpus, name, case, wanted) if wanted else ():
                lines.append(line)
                print(json.dumps(line, ensure_ascii=False), flush=True)
                if args.lines:
                    with args.lines.open("a") as out:
                        out.write(json.dumps(line, ensure_ascii=False) + "\n")
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
    show([line for line in lines if line["variant"] in table])


if __name__ == "__main__":
    main()
