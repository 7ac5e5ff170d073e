"""Files that the original does not have: records of packages, a shorter ld.so.cache, shared licences."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest

from tests.closure.entry_order import sort_entries
from tests.packages.images import MODIFIED, Image
from tracewhale.closure.cache import Cache, CacheEntry
from tracewhale.closure.ldcache import encode, parse
from tracewhale.image import write_layer
from tracewhale.image.packing import pack
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import make_plan
from tracewhale.rootfs.tree import Kind
from tracewhale.tracing.events import Event, Trace

X86_64 = 0x303

STATUS = "".join(
    f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n"
    for name in ("liba", "libb")
)

TREE = """
    /lib -> usr/lib
    /usr/lib/liba.so.1 -> liba.so.1.2
    /usr/lib/liba.so.1.2: a
    /usr/lib/libb.so.1: b
    /usr/share/doc/liba/copyright: same words
    /usr/share/doc/libb/copyright: same words
    /usr/share/doc/libb/NEWS: n
    /var/lib/
    /etc/debian_version: 12.1
"""

CACHE = Cache(
    sort_entries(
        [
            CacheEntry("liba.so.1", "/lib/liba.so.1", X86_64),
            CacheEntry("libb.so.1", "/lib/libb.so.1", X86_64),
            CacheEntry("libgone.so", "/lib/libgone.so", X86_64),
        ]
    ),
    "new",
    "ldconfig (GNU libc) stable release version 2.36",
)

DPKG = {
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/liba.list": "/usr/lib/liba.so.1\n/usr/lib/liba.so.1.2\n",
    "/var/lib/dpkg/info/libb.list": "/usr/lib/libb.so.1\n",
}


def plan(*asked: str, files: dict[str, str | bytes] | None = None, **options: object) -> tuple[Image, Plan]:
    image = Image(TREE, {**DPKG, "/etc/ld.so.cache": encode(CACHE), **(files or {})})
    events = frozenset(Event(path, "read", "/usr/bin/p", present=True) for path in asked)
    trace = Trace("t", "i", "p", {}, events)
    return image, make_plan(image.view, trace, Options(**options))  # type: ignore[arg-type]


def generated(made: Plan) -> dict[str, bytes]:
    return {
        path: kept.content
        for path, kept in made.kept.items()
        if kept.content is not None and kept.entry.kind is Kind.FILE
    }


def test_records_are_planned_as_any_path() -> None:
    image, made = plan("/lib/liba.so.1")
    record = made.kept["/var/lib/dpkg/status.d/liba"]
    assert (record.entry.mode, record.entry.uid, record.entry.mtime_ns) == (0o644, 0, MODIFIED)
    assert [(r.why, r.by, r.detail) for r in record.reasons] == [("package", "liba", "record")]
    directory = made.kept["/var/lib/dpkg/status.d"]
    assert (directory.entry.kind, directory.entry.mode, directory.content) == (Kind.DIRECTORY, 0o755, b"")
    assert made.kept["/var/lib/dpkg"].content is None, "the original's, with its metadata"
    assert "/var/lib/dpkg/status.d" not in image.tree.entries
    assert made.size > len(record.content or b"")


def test_what_the_user_excludes_is_not_generated() -> None:
    assert generated(plan("/lib/liba.so.1", exclude=("/var/lib/dpkg",))[1]) == {}
    assert list(generated(plan("/lib/liba.so.1", exclude=("*.md5sums",))[1])) == [
        "/var/lib/dpkg/status.d/liba"
    ]


def test_nothing_is_generated_below_a_mount() -> None:
    image = Image(TREE, DPKG)
    event = Event("/lib/liba.so.1", "read", "/usr/bin/p", present=True)
    trace = Trace("t", "i", "p", {}, frozenset({event}), mounts=("/var/lib/dpkg",))
    assert generated(make_plan(image.view, trace, Options())) == {}


def test_the_time_is_source_date_epoch_where_there_is_one() -> None:
    _, made = plan("/lib/liba.so.1", "/etc/ld.so.cache", epoch=42)
    times = {kept.entry.mtime_ns for kept in made.kept.values() if kept.content is not None}
    assert times == {42 * 1_000_000_000}
    assert made.kept["/usr/lib/liba.so.1.2"].entry.mtime_ns == MODIFIED


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        (["/lib/liba.so.1"], ["liba.so.1"]),
        (["/usr/lib/liba.so.1.2"], []),
        (["/usr/lib/libb.so.1"], []),
        (["/lib/libb.so.1", "/lib/liba.so.1"], ["libb.so.1", "liba.so.1"]),
    ],
)
def test_the_cache_names_what_the_loader_can_open(asked: list[str], names: list[str]) -> None:
    _, made = plan("/etc/ld.so.cache", *asked)
    cache = parse(generated(made)["/etc/ld.so.cache"])
    assert [entry.name for entry in cache.entries] == names
    assert (cache.form, cache.generator) == (CACHE.form, CACHE.generator)
    assert [r.why for r in made.kept["/etc/ld.so.cache"].reasons] == ["access", "generated"]


def test_the_cache_is_the_originals_where_names_may_be_the_answer() -> None:
    _, made = plan("/etc/ld.so.cache", "/lib/liba.so.1", listings=True)
    assert made.kept["/etc/ld.so.cache"].content is None
    assert not made.shortened
    assert plan("/etc/ld.so.cache", "/lib/liba.so.1")[1].shortened


def test_a_cache_that_is_not_kept_is_not_made() -> None:
    assert "/etc/ld.so.cache" not in plan("/lib/liba.so.1")[1].kept


def test_a_cache_that_is_none_stays_as_it_is() -> None:
    _, made = plan("/etc/ld.so.cache", "/lib/liba.so.1", files={"/etc/ld.so.cache": b"other\n"})
    assert made.kept["/etc/ld.so.cache"].content is None


def test_ldconfig_reads_the_cache(tmp_path: Path) -> None:
    _, made = plan("/etc/ld.so.cache", "/lib/liba.so.1")
    (tmp_path / "cache").write_bytes(generated(made)["/etc/ld.so.cache"])
    said = subprocess.run(
        ["/sbin/ldconfig", "-p", "-C", str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert "liba.so.1 (libc6,x86-64) => /lib/liba.so.1" in said.stdout
    assert said.stdout.startswith("1 libs found")


def test_equal_licences_are_one_file_of_two_names() -> None:
    image, made = plan("/lib/liba.so.1", "/lib/libb.so.1")
    a, b = (made.kept[f"/usr/share/doc/{name}/copyright"] for name in ("liba", "libb"))
    assert (a.entry.inode, a.entry.nlink) == (b.entry.inode, 2)
    out = io.BytesIO()
    write_layer(pack(image.tree, made, made.paths), out)
    assert out.getvalue().count(b"same words") == 1


@pytest.mark.parametrize("also", ["/usr/share/doc/liba/copyright"])
def test_a_licence_that_the_program_asked_for_stays_as_it_was(also: str) -> None:
    _, made = plan("/lib/liba.so.1", "/lib/libb.so.1", also)
    assert made.kept[also].entry.nlink == 1


def test_other_words_are_another_file() -> None:
    files: dict[str, str | bytes] = {"/usr/share/doc/liba/copyright": "some words"}
    _, made = plan("/lib/liba.so.1", "/lib/libb.so.1", files=files)
    assert made.kept["/usr/share/doc/liba/copyright"].entry.nlink == 1


@pytest.mark.parametrize(
    "odd",
    ["/var/lib/dpkg/status.d -> /etc", "/var/lib/dpkg/status.d: a file", "/var/lib/dpkg/status.d/liba/x: x"],
)
def test_what_has_no_place_is_not_generated(odd: str) -> None:
    image = Image(f"{TREE}\n{odd}", DPKG)
    asked = ("/usr/lib/liba.so.1", "/etc/debian_version", odd.split()[0].rstrip(":"))
    events = frozenset(Event(path, "read", "/usr/bin/p", present=True) for path in asked)
    made = make_plan(image.view, Trace("t", "i", "p", {}, events), Options())
    assert not any(path.endswith("/liba") and kept.content for path, kept in made.kept.items())
    assert "/usr/lib/liba.so.1.2" in made.kept
