"""Do two runs of one command write the same files? Pure.

How files are compared:

1. by name, type and contents; else
2. by the normal form of a text, without times, addresses and host names; else
3. against a second run of the original: a file that differs between both runs must exist again, with the
   same type, and empty only if it was empty; a name that only one of the original's runs wrote is not
   compared, and neither are new names in its directory.

If the command was stopped, only names and types are compared, because the moment varies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracewhale.tracing.events import Outcome, WrittenFile


@dataclass(frozen=True, slots=True)
class WrittenComparison:
    """The number of paths that the original's run wrote, of which ``unstable`` ones were not compared.

    ``difference`` describes the first path in which the new image's run differs. If the files of a run were
    not ``seen``, nothing was compared.
    """

    total: int = 0
    unstable: int = 0
    difference: str = ""
    seen: bool = True


Files = Mapping[str, WrittenFile]


def compare_written_files(first: Outcome, again: Outcome, second: Outcome | None = None) -> WrittenComparison:
    """Compare the files that the new image's run wrote with those of the original's run."""
    if first.written is None or again.written is None or (second is not None and second.written is None):
        return WrittenComparison(seen=False)
    names_only = first.stopped or again.stopped
    ours, theirs = _by_path(first), _by_path(again)
    differing = sorted(
        path for path in {*ours, *theirs} if not _alike(ours.get(path), theirs.get(path), names_only)
    )
    seen_before = len(ours.keys() & set(differing))
    if second is not None:
        third = _by_path(second)
        unstable = {path.rpartition("/")[0] for path in ours.keys() ^ third.keys()}
        differing = [
            path
            for path in differing
            if not (
                unstable & _above(path)
                if path not in ours and path not in third
                else _varies(ours.get(path), third.get(path), theirs.get(path), names_only)
            )
        ]
    difference = _describe(ours.get(differing[0]), theirs.get(differing[0])) if differing else ""
    return WrittenComparison(len(ours), seen_before - len(ours.keys() & set(differing)), difference)


def _varies(
    first: WrittenFile | None, second: WrittenFile | None, new: WrittenFile | None, names_only: bool
) -> bool:
    """Return whether two runs of the original differ in a file, and the new image differs from them only
    likewise."""
    if first is None or second is None:
        return True
    return not _alike(first, second, names_only) and new is not None and _shape(first) == _shape(new)


def _above(path: str) -> set[str]:
    return {path[:at] for at, letter in enumerate(path) if letter == "/"}


def _shape(file: WrittenFile) -> tuple[str, bool]:
    return file.kind, file.size > 0


def _alike(first: WrittenFile | None, second: WrittenFile | None, names_only: bool) -> bool:
    if first is None or second is None or first.kind != second.kind:
        return False
    return names_only or first.digest == second.digest or first.normal == second.normal != ""


def _by_path(outcome: Outcome) -> Files:
    return {file.path: file for file in outcome.written or ()}


def _describe(original: WrittenFile | None, new: WrittenFile | None) -> str:
    if new is not None:
        if original is None:
            return f"the new image writes {new.path}, which the original does not"
        return f"{new.path} is {_what(original)} of the original, and {_what(new)} of the new image"
    assert original is not None
    return f"the original writes {original.path}, {_what(original)}, and the new image does not"


def _what(file: WrittenFile) -> str:
    if file.kind != "file":
        return f"a {file.kind}"
    return f"a file of {file.size} bytes ({file.digest[:8]})" if file.size else "an empty file"
