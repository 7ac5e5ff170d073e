"""The kept paths and their reasons. Plans are asserted as text: a path, then its reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.trees import MemoryTree
from tracewhale.errors import UsageError
from tracewhale.plan.model import Options, Plan, PlannedPath
from tracewhale.plan.passes import make_plan
from tracewhale.plan.reasons import Reason
from tracewhale.rootfs.tree import ROOT, Entry, Kind, View
from tracewhale.tracing.events import Event, Trace

TREE = """
    /bin -> usr/bin
    /etc/conf.d/
    /etc/conf.d/a: one
    /etc/conf.d/b: two
    /etc/dangling -> /nowhere
    /var/log/app/access.log -> /dev/stdout
    /var/log/app/later.log -> ../../lib/app/later.log
    /opt/app/main.sh: #!/bin/sh -e
    /opt/app/data/x: x
    /opt/link -> app/data
    /proc/
    /loop/a -> b
    /loop/b -> ../loop/a
    /usr/bin/env: env
    /usr/bin/sh -> dash
    /usr/bin/dash: dash
    /var/lib/app/
    /data/mounted: x
"""


def trace(*events: Event, **more: object) -> Trace:
    base = {"target": "t", "image": "i", "probe": "p", "request": {}, "mounts": ("/data",)}
    return Trace(**(base | more), events=frozenset(events))  # type: ignore[arg-type]


def event(path: str, access: str = "read", **more: object) -> Event:
    return Event(path, access, "/usr/bin/p", **({"present": True} | more))  # type: ignore[arg-type]


def plan(*events: Event, options: Options | None = None, **more: object) -> Plan:
    return make_plan(View(MemoryTree(TREE)), trace(*events, **more), options or Options())


def kept(made: Plan) -> str:
    return " ".join(path for path in made.paths if path != "/")


def reasons(made: Plan, path: str) -> list[str]:
    return [f"{r.why} {r.by} {r.detail}".strip() for r in made.kept[path].reasons]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (event("/bin/sh", "exec"), "/bin /usr /usr/bin /usr/bin/dash /usr/bin/sh"),
        (event("/bin/sh", "readlink", follow=False), "/bin /usr /usr/bin /usr/bin/sh"),
        (event("/opt/link/x"), "/opt /opt/app /opt/app/data /opt/app/data/x /opt/link"),
        (event("/opt/app/../link/x", "stat"), "/opt /opt/app /opt/app/data /opt/app/data/x /opt/link"),
        (event("/etc/dangling", present=False), "/etc /etc/dangling"),
        (event("/etc/conf.d", "list"), "/etc /etc/conf.d"),
        (event("/var/lib/app/new", "create", present=False), "/var /var/lib /var/lib/app"),
        (
            event("/var/log/app/access.log", "create", real="/dev/pts/0"),
            "/var /var/log /var/log/app /var/log/app/access.log",
        ),
        (
            event("/var/log/app/later.log", "create", present=False),
            "/var /var/lib /var/lib/app /var/log /var/log/app /var/log/app/later.log",
        ),
        (event("/var/lib/app/new", "mkdir", present=False), "/var /var/lib /var/lib/app"),
        (event("/nowhere/at/all", present=False), ""),
        (event("/usr/bin/none", present=False), ""),
        (event("/loop/a", present=False), "/loop /loop/a /loop/b"),
        (event("/bin/env/x", present=False), "/bin /usr /usr/bin /usr/bin/env"),
        (event("/bin/env/", present=False), "/bin /usr /usr/bin /usr/bin/env"),
        (event("/proc/self/maps"), ""),
        (event("/proc", "stat"), "/proc"),
        (event("/data/mounted"), ""),
        (event("/data", "list"), "/data"),
        (event("/asked", real="/usr/bin/env"), "/usr /usr/bin /usr/bin/env"),
        (event("/x", root="/opt/app/data"), "/opt /opt/app /opt/app/data /opt/app/data/x"),
        (event("/.tracewhale/probe", "exec"), ""),
    ],
)
def test_what_an_access_keeps(asked: Event, expected: str) -> None:
    assert kept(plan(asked)) == expected


def test_a_directory_that_not_all_may_search_is_kept_for_what_it_refuses() -> None:
    tree = MemoryTree("/closed/")
    tree.entries["/closed"] = replace(tree.entries["/closed"], mode=0o700)
    made = make_plan(View(tree), trace(event("/closed/none/at/all", present=False)), Options())
    assert kept(made) == "/closed"


def test_every_path_says_why() -> None:
    made = plan(event("/bin/sh", "exec"), event("/var/lib/app/new", "create", present=False))
    assert reasons(made, "/usr/bin/dash") == ["access /usr/bin/p exec"]
    assert reasons(made, "/bin") == ["symlink /usr/bin/dash"]
    assert reasons(made, "/var/lib/app") == ["creates /usr/bin/p /var/lib/app/new"]
    assert reasons(made, "/var/lib") == ["parent /var/lib/app"]


def test_a_script_keeps_its_interpreter() -> None:
    made = plan(event("/opt/app/main.sh", "exec"))
    assert reasons(made, "/usr/bin/dash") == ["interpreter /opt/app/main.sh /bin/sh"]
    assert "/bin" in made.kept


def test_what_is_read_is_not_run() -> None:
    assert "/usr/bin/dash" not in plan(event("/opt/app/main.sh")).kept


def test_what_nobody_has_is_absent_unless_it_was_there_when_asked_for() -> None:
    made = plan(event("/etc/none", present=False), event("/tmp/made-by-the-run", present=True))
    assert [(a.path, a.access) for a in made.absent] == [("/etc/none", "read")]


def test_changes_come_with_what_their_links_point_to() -> None:
    made = plan(changes=("/opt/link", "/etc/gone"))
    assert kept(made) == "/opt /opt/app /opt/app/data /opt/link"


LINKED = """
    /bin -> usr/bin
    /usr/bin/a: a
    /usr/bin/b: b
"""


@pytest.mark.parametrize(
    ("path", "below"),
    [("/bin", False), ("/bin/", True), ("/usr/bin", True), ("bin", False), ("/bin/a", False)],
)
def test_an_included_link_to_a_directory_is_kept_without_what_is_below(path: str, below: bool) -> None:
    empty = Trace("t", "i", "seccomp", {}, frozenset())
    made = make_plan(View(MemoryTree(LINKED)), empty, Options(include=(path,)))
    assert ("/bin" in made.kept) is (path != "/usr/bin")
    assert "/usr/bin" in made.kept
    assert ("/usr/bin/b" in made.kept) is below


def test_compiled_files_go_with_the_sources_that_are_kept() -> None:
    tree = """
        /lib/a.py: a
        /lib/b.py: b
        /lib/__pycache__/a.cpython-311.pyc: a
        /lib/__pycache__/b.cpython-311.pyc: b
        /lib/__pycache__/b.cpython-39.pyc: old
    """
    asked = ("/lib/__pycache__/a.cpython-311.pyc", "/lib/b.py")
    events = {Event(path, "read", "/x", True) for path in asked}
    made = make_plan(View(MemoryTree(tree)), Trace("t", "i", "p", {}, frozenset(events)), Options())
    assert "/lib/__pycache__/b.cpython-311.pyc" in made.kept
    assert "/lib/__pycache__/b.cpython-39.pyc" not in made.kept


def test_include_takes_all_below_and_must_exist() -> None:
    assert kept(plan(options=Options(include=("/opt",)))).split() == [
        "/opt", "/opt/app", "/opt/app/data", "/opt/app/data/x", "/opt/app/main.sh", "/opt/link",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no such path"):
        plan(options=Options(include=("/none",)))


@pytest.mark.parametrize(
    ("glob", "left"),
    [
        ("/opt/app/data", "/opt /opt/app /opt/app/main.sh /opt/link"),
        ("/opt/*/data", "/opt /opt/app /opt/app/main.sh /opt/link"),
        ("*.sh", "/opt /opt/app /opt/app/data /opt/app/data/x /opt/link"),
        ("opt", ""),
        ("nothing", "/opt /opt/app /opt/app/data /opt/app/data/x /opt/app/main.sh /opt/link"),
    ],
)
def test_exclude_takes_away_with_all_below(glob: str, left: str) -> None:
    made = plan(options=Options(include=("/opt",), exclude=(glob,)))
    assert kept(made) == left
    assert set(made.excluded).isdisjoint(made.kept)


def test_listings_keep_the_names_that_a_program_was_shown() -> None:
    listed = event("/etc/conf.d", "list")
    assert kept(plan(listed, options=Options(listings=True))) == (
        "/etc /etc/conf.d /etc/conf.d/a /etc/conf.d/b"
    )


def test_directories_are_kept_empty() -> None:
    assert kept(plan(options=Options(directories=("/opt/app", "/none")))) == "/opt /opt/app"


def test_a_path_without_a_reason_or_a_directory_is_no_plan() -> None:
    entry = Entry("/a/b", Kind.FILE, 0o644, 0, 0, 0, 0)
    with pytest.raises(ValueError, match="for no reason"):
        PlannedPath(entry, ())
    reason = (Reason("access", "p"),)
    with pytest.raises(ValueError, match="without its directory"):
        Plan({"/": PlannedPath(ROOT, reason), "/a/b": PlannedPath(entry, reason)})


def test_a_hard_linked_file_is_counted_once() -> None:
    reason = (Reason("access", "p"),)
    names = [Entry(path, Kind.FILE, 0o644, 0, 0, 100, 0, 1, 7, 2) for path in ("/a", "/b")]
    made = Plan(
        {"/": PlannedPath(ROOT, reason)} | {entry.path: PlannedPath(entry, reason) for entry in names}
    )
    assert made.size == 100
