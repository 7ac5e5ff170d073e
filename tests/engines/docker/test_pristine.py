"""Directories that an engine touches before a container starts: as the image has them all the same."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from docker import APIClient

from tests.trees import MemoryTree
from tracewhale.engines.docker.containers import served_tree
from tracewhale.engines.docker.pristine import SECOND, Layers, PristineTree, creation_time, directories
from tracewhale.rootfs.tree import Entry, View, parent

BEGUN = 1_700_000_000 * SECOND
TIMES = {"dev": 1_100_000_000, "etc": 1_200_000_000, "opt": 1_300_000_000, "opt/here": 1_400_000_000}


@pytest.fixture
def with_volumes(api: APIClient, new_tag: Callable[[], str]) -> str:
    """An image with volumes: on a directory that it has, and on one that it has not."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, mtime in TIMES.items():
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o750, mtime
            archive.addfile(member)
    repository, _, tag = new_tag().partition(":")
    cast(Any, api).import_image_from_data(
        packed.getvalue(), repository=repository, tag=tag, changes=["VOLUME /opt/here /opt/made"]
    )
    return f"{repository}:{tag or 'latest'}"


@pytest.mark.usefixtures("leaves_nothing")
def test_the_engine_leaves_no_trace(api: APIClient, probe_bytes: bytes, with_volumes: str) -> None:
    seen = []
    for _ in range(2):
        with served_tree(api, with_volumes, probe_bytes) as tree:
            view = View(tree)
            entries = [entry for entry in map(view.lstat, (f"/{name}" for name in TIMES)) if entry]
            packed = [each.entry for each in tree.pack(["/", *(entry.path for entry in entries)])]
            assert packed[1:] == entries
            seen.append([(entry.path, entry.mode, entry.mtime_ns // SECOND) for entry in packed])
            assert list(view.listing("/opt") or {}) == ["here"]
            assert set(view.listing("/") or {}) == {"dev", "etc", "opt"}
    assert seen[0] == seen[1] == [("/", 0o755, 0), *((f"/{name}", 0o750, TIMES[name]) for name in TIMES)]


def touched(*paths: str) -> MemoryTree:
    """A tree in which some directories, and ``.dockerenv``, are of a container's beginning."""
    tree = MemoryTree("/.dockerenv: -\n/etc/passwd: x\n/opt/made/\n/opt/future/\n/old/")
    later = BEGUN + 86_400 * SECOND
    for path, entry in tree.entries.items():
        moment = BEGUN if path in ("/.dockerenv", *paths) else SECOND
        tree.entries[path] = replace(entry, mtime_ns=later if path == "/opt/future" else moment)
    return tree


def times(tree: PristineTree) -> dict[str, int]:
    found: dict[str, Entry] = {}
    for directory in ("/", "/opt"):
        found |= {entry.path: entry for entry in (tree.scan([directory])[directory] or {}).values()}
    return {path: entry.mtime_ns // SECOND for path, entry in found.items() if parent(path) != path}


def test_the_images_own_time_where_its_layers_cannot_be_read() -> None:
    tree = PristineTree(touched("/etc", "/opt", "/opt/made"), Layers([]), 5 * SECOND)
    told = times(tree)
    assert {path: told[path] for path in ("/etc", "/opt", "/opt/made", "/old")} == {
        "/etc": 5, "/opt": 5, "/opt/made": 5, "/old": 1,
    }  # fmt: skip
    assert told["/opt/future"] > BEGUN // SECOND, "the image's own, not the engine's"


def test_the_uppermost_layer_that_has_a_directory_tells(tmp_path: Path) -> None:
    for layer, path in (("upper", "etc"), ("lower", "etc"), ("lower", "opt"), ("lower", "opt/made")):
        (tmp_path / layer / path).mkdir(parents=True)
    (tmp_path / "upper/opt").symlink_to("/")
    with closing(Layers([str(tmp_path / "upper"), str(tmp_path / "lower")])) as layers:
        assert layers.mtime_ns("/etc") == (tmp_path / "upper/etc").stat().st_mtime_ns
        assert layers.mtime_ns("/opt") is None, "no link of a layer is followed"
        assert layers.mtime_ns("/opt/made") is None
        (tmp_path / "upper/opt").unlink()
        assert layers.mtime_ns("/opt/made") == (tmp_path / "lower/opt/made").stat().st_mtime_ns
        (tmp_path / "lower/opt/made").rmdir()
        assert set(times(PristineTree(touched("/etc", "/opt", "/opt/made"), layers, 0))) == {
            "/etc", "/opt", "/opt/future", "/old",
        }  # fmt: skip


def test_layers_that_are_nowhere_are_not_known(tmp_path: Path) -> None:
    with closing(Layers([str(tmp_path), str(tmp_path / "none")])) as layers:
        assert not layers.known


def test_what_an_engine_tells_of_an_image() -> None:
    data = {"UpperDir": "/c", "LowerDir": "/b:/a"}
    assert directories({"GraphDriver": {"Name": "overlay2", "Data": data}}) == ["/c", "/b", "/a"]
    assert directories({"GraphDriver": {"Name": "overlay2", "Data": {"UpperDir": "/a"}}}) == ["/a"]
    assert directories({"GraphDriver": {"Name": "btrfs", "Data": None}}) == directories({}) == []
    assert creation_time({"Created": "2024-05-06T07:08:09.123456789Z"}) == 1_714_979_289 * SECOND
    assert (
        creation_time({"Created": "0001-01-01T00:00:00Z"})
        == creation_time({"Created": ""})
        == creation_time({})
        == 0
    )
