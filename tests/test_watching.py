"""A watched container reports what it lacks and its original has, once each."""

from __future__ import annotations

from tests.trees import MemoryTree
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event
from tracewhale.watching import MissingPath, Watcher

ORIGINAL = """
/bin -> usr/bin
/usr/bin/cat: cat
/srv/root/inside: inside
/srv/made
"""


def missing(*events: Event) -> list[str]:
    heard: list[MissingPath] = []
    watcher = Watcher(View(MemoryTree(ORIGINAL)), heard.append)
    for event in events:
        watcher.observe(event)
    assert watcher.missing == heard
    return [each.path for each in heard]


def asked(path: str, access: str = "read", *, present: bool = False, root: str = "/") -> Event:
    return Event(path, access, "/usr/bin/program", present, root=root)


def test_a_path_of_the_original_is_told_once() -> None:
    assert missing(asked("/bin/cat"), asked("/bin/cat", "stat"), asked("/usr/bin/cat")) == [
        "/bin/cat",
        "/usr/bin/cat",
    ]


def test_what_is_there_or_never_was_is_not_told() -> None:
    assert missing(asked("/bin/cat", present=True), asked("/none"), asked("/bin/cat/below")) == []


def test_what_a_call_makes_is_not_told() -> None:
    assert missing(asked("/srv/made", "create"), asked("/srv/made", "rename-to")) == []


def test_a_path_is_looked_for_below_the_root_of_its_process() -> None:
    assert missing(asked("/inside", root="/srv/root"), asked("/inside")) == ["/inside"]
