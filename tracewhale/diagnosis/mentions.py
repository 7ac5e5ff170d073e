"""Missing paths that the output itself names, whatever its wording."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator

from tracewhale.diagnosis.directories import WRITES
from tracewhale.diagnosis.lookups import relevant
from tracewhale.diagnosis.messages import MAX_LINE, MAX_LINES, Complaint
from tracewhale.diagnosis.model import Case, Sure

WHOLE, SHORT, CALM = -15, -20, -12
"""The weights of a whole path and of a name alone, and the addition if no word indicates trouble."""

SHORTEST = 3
"""The shortest name in characters; a shorter one is found in any output by chance."""

SOURCE = "any program: it names what it looked for in vain"

_TROUBLE = re.compile(
    r"no such|not found|not find|n't find|unable to|fail|error|fatal|missing|does ?n.t exist|not exist"
    r"|cannot|can't|could not|couldn't|not (?:be )?(?:open|load|read|access)|ENOENT|errno 2|\(2\)|invalid",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\s'\"`\u2018\u2019\u201c\u201d()<>\[\]{}|,;=]+")
_FRAME = re.compile(r"""\s*(?:File "|at |from )""")
"""The beginning of a line of a stack trace, which names sources that need not be there."""

_EDGES = ".,:;!?*"

_WORD = re.compile(r"[a-z]+")
"""A name that may be a mere word of the sentence."""


def mentions(case: Case, explained: Collection[int]) -> Iterator[tuple[Complaint, Sure]]:
    """Yield a complaint for each missing path or name in a line of output.

    The second value is the highest certainty of its finding. It is higher if two independent facts agree: a
    whole path is printed and was searched without success, or a package or the complete image has the named
    file. If such a source confirms some of several paths in one line, only those count. Lines whose number is
    in ``explained`` are skipped.
    """
    lines = case.output.splitlines()[-MAX_LINES:]
    absent = {os.path.normpath(path) for path in case.absent}
    if not absent or not lines:
        return
    sequences: dict[str, list[str]] = {}
    for path in relevant(case):
        sequences.setdefault(os.path.basename(path.rstrip("/")), []).append(path)
    trouble = [_TROUBLE.search(line[:MAX_LINE]) is not None for line in lines]
    seen: set[str] = set()
    for number, line in enumerate(lines):
        if number in explained or _FRAME.match(line):
            continue
        bad = any(trouble[max(0, number - 1) : number + 2])
        in_line = []
        for token in _TOKEN.findall(line[:MAX_LINE]):
            word = token.strip(_EDGES)
            if word in seen or len(word) < SHORTEST:
                continue
            complaint = _complaint(case, word, absent, sequences, line, number, trouble[number])
            if complaint is not None and (bad or case.failed):
                seen.add(word)
                in_line.append(complaint)
        certain = [complaint for complaint in in_line if _exists(case, complaint.facts.get("path", ""))]
        for complaint in certain or in_line:
            alone = len(in_line) == 1 and complaint.weight >= WHOLE
            yield complaint, Sure.YES if bad and (certain or alone) else Sure.LIKELY


def _exists(case: Case, path: str) -> bool:
    """Return whether the complete image has a path, or a package of the image lists it."""
    if not path:
        return False
    full = case.full is not None and case.full.resolve(path).exists
    return full or bool(case.owners.of((case.absolute(path),)))


def _command_makes(case: Case, path: str) -> bool:
    """Return whether the command made a path itself, in a directory that it made, too."""
    return bool(case.accesses(path) & WRITES) and "mkdir" in case.accesses(os.path.dirname(path))


def _complaint(
    case: Case,
    word: str,
    absent: Collection[str],
    sequences: dict[str, list[str]],
    line: str,
    number: int,
    bad: bool,
) -> Complaint | None:
    """Return the complaint of a word in a line, or None if it names no missing path."""
    less = 0 if bad else CALM
    if "/" in word:
        path = os.path.normpath(case.absolute(word))
        if path not in absent or _command_makes(case, path):
            return None
        return Complaint("file", SOURCE, line.strip(), number, {"path": path}, WHOLE + less)
    paths = sequences.get(word)
    if not paths or not bad:
        return None
    if {os.path.dirname(path) for path in paths} & set(case.search_path):
        return Complaint("command", SOURCE, line.strip(), number, {"name": word}, SHORT)
    if _WORD.fullmatch(word) and not re.search(rf"['\"`:\u2018\u201c]{word}['\"`\u2019\u201d]", line):
        return None
    kind, fact = ("library", "name") if ".so" in word else ("file", "path")
    return Complaint(kind, SOURCE, line.strip(), number, {fact: word if fact == "name" else paths[-1]}, SHORT)
