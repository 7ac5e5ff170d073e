"""The closure of many ELF files of this machine, against ldd(1) and lddtree(1).

    python benchmarks/closure.py [COUNT] [--json]

Each program answers for the same files: ours and lddtree in one process for all, ldd in a loop, which is
how it is used. Prints seconds and ratios, and how many answers of ours differ from ldd's.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tracewhale.closure import Resolver, Root, from_cpuinfo
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.tree import View

T = TypeVar("T")
PLACES = ("/usr/bin", "/usr/sbin", "/usr/lib")
LDDTREE = "/usr/bin/lddtree"


def elf_files(count: int) -> list[str]:
    """The first dynamic ELF files of the usual places, as many as asked for."""
    with DirectoryTree("/") as tree:
        paths: list[str] = []
        for place in PLACES:
            for directory, _, names in os.walk(place):
                paths += (f"{directory}/{name}" for name in sorted(names))
        plain = [path for path in paths if os.path.isfile(path) and not os.path.islink(path)]
        objects = Resolver(View(tree)).resolve(map(Root, plain)).objects
        dynamic = [path for path in plain if path in objects and objects[path].dynamic]
        return [path for path in dynamic if objects[path].needed][:count]


def ours(paths: list[str]) -> dict[str, set[str]]:
    cpu = from_cpuinfo(Path("/proc/cpuinfo").read_text())
    with DirectoryTree("/") as tree:
        closure = Resolver(View(tree), cpu).resolve(map(Root, paths))
    return {root.path: {path for _, path in pairs} for root, pairs in closure.loaded.items()}


def ldd(paths: list[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in paths:
        output = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        found[path] = set(re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", output, re.MULTILINE))
    return found


def lddtree(paths: list[str]) -> int:
    """pax-utils' lddtree in this Python, which has pyelftools; the number of lines that it prints."""
    command = [sys.executable, LDDTREE, *paths]
    return subprocess.run(command, capture_output=True, check=True).stdout.count(b"\n")


def timed(function: Callable[[list[str]], T], paths: list[str], rounds: int = 1) -> tuple[float, T]:
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        answer = function(paths)
        best = min(best, time.perf_counter() - start)
    return best, answer


def main(arguments: list[str]) -> None:
    count = next((int(argument) for argument in arguments if argument.isdigit()), 1000)
    paths = elf_files(count)
    ours(paths)  # so that every program finds the files in the page cache
    seconds, mine = timed(ours, paths, rounds=3)
    ldd_seconds, theirs = timed(ldd, paths)
    tree_seconds, _ = timed(lddtree, paths)
    different = [path for path in paths if mine.get(path, set()) != theirs[path]]
    result = {
        "files": len(paths),
        "tracewhale": round(seconds, 3),
        "ldd": round(ldd_seconds, 3),
        "lddtree": round(tree_seconds, 3),
        "times_ldd": round(ldd_seconds / seconds, 1),
        "times_lddtree": round(tree_seconds / seconds, 1),
        "different_from_ldd": different,
    }
    if "--json" in arguments:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    for key, value in result.items():
        sys.stdout.write(f"{key:20} {len(value) if isinstance(value, list) else value}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
