"""The examples of the documents: read out of their console blocks, run, and compared with what they show.

A block that begins with ```` ```console ```` is an example. In it ``$ `` begins a command, which goes on
in the next line after a backslash; the lines behind it are its output. ``...`` as a line stands for any
lines, at the end of one for its rest; where a command shows no output, any will do. Sizes, shares and
seconds may be off by a third, for packages get updates. A command must succeed, unless it ends in
``# exits with N``.

``<!-- by hand: WHY -->`` in the line before a block leaves it to ``python -m tests.documents``.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.documents.stage import PREFIX, WHEELS, renamed

BLOCK = re.compile(r"^(?:<!-- by hand: ([^\n]+) -->\n)?```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STATUS = re.compile(r"\s+# exits with (\d+)$")
REMARK = re.compile(r"\s\s+# .*$")
FIGURE = re.compile(r"(\d+(?:\.\d+)?)(?= ?(?:%|[kMG]B|s\b))")
ANY = "..."
ENGINE_WARNING = "WARNING: "
"""Begins what `docker` says of its engine's settings, which are not the document's."""

SLACK = 1 / 3
SECONDS = 240


@dataclass(frozen=True, slots=True)
class Example:
    """One command of a document with the lines that it is said to print."""

    command: str
    output: tuple[str, ...]
    status: int
    line: int
    by_hand: str
    """Why it is not run by the tests; empty where it is."""


def examples(text: str) -> Iterator[Example]:
    """Yield the examples of a document in their order."""
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(2)) + 1
        lines = block[2].split("\n")[:-1]
        at = 0
        while at < len(lines):
            start = at
            assert lines[at].startswith("$ "), f"line {first + at}: a block begins with a command"
            while lines[at].endswith("\\"):
                at += 1
            at += 1
            end = at
            while at < len(lines) and not lines[at].startswith("$ "):
                at += 1
            command = "\n".join(lines[start:end]).removeprefix("$ ")
            status = STATUS.search(command)
            output = tuple(each for each in lines[end:at] if each.strip())
            plain = REMARK.sub("", STATUS.sub("", command))
            yield Example(plain, output, int(status[1]) if status else 0, first + start, block[1] or "")


def matches(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Whether lines are those that a document shows."""
    if not shown:
        return not printed
    if shown[0] == ANY:
        return any(matches(shown[1:], printed[at:]) for at in range(len(printed) + 1))
    return bool(printed) and alike(shown[0], printed[0]) and matches(shown[1:], printed[1:])


def alike(shown: str, printed: str) -> bool:
    """Whether two lines have the same words, and figures that are close."""
    if shown.endswith(ANY):
        return " ".join(printed.split()).startswith(" ".join(shown.removesuffix(ANY).split()))
    if FIGURE.sub("", shown).split() != FIGURE.sub("", printed).split():
        return False
    pairs = zip(FIGURE.findall(shown), FIGURE.findall(printed), strict=True)
    return all(abs(float(one) - float(other)) <= SLACK * max(float(one), 1) for one, other in pairs)


def run(example: Example, directory: Path, prefix: str = PREFIX) -> str:
    """Run an example in a directory, with images whose names begin with ``prefix``; return what is wrong, or
    nothing."""
    done = subprocess.run(
        ["timeout", "--kill-after=30", str(SECONDS), "bash", "-c", renamed(example.command, prefix)],
        cwd=directory,
        env={
            **os.environ,
            "DOCKER_BUILDKIT": "0",
            "PATH": f"{directory}/.venv/bin:{os.environ['PATH']}",
            "PIP_FIND_LINKS": str(directory / WHEELS),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    said = done.stdout.replace(prefix, "")
    if done.returncode != example.status:
        return f"{example.command}\nexits with {done.returncode}, not {example.status}:\n{said}"
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(ENGINE_WARNING)]
    if example.output and not matches(example.output, lines):
        return f"{example.command}\nprints\n{said}\nand not\n" + "\n".join(example.output)
    return ""
