"""``tracewhale deps``: what it lists, and how it is shown."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import jsonschema
import pytest
from click.testing import CliRunner, Result

from tests.closure.elfs import AUXILIARY, NEEDED, RUNPATH, SONAME, ElfTree, elf, library
from tracewhale.cli.deps import command
from tracewhale.closure import Closure, Edge, EdgeKind, How, Resolver
from tracewhale.closure.deps import Listing, Row, dependencies
from tracewhale.closure.render import render_flat, render_tree
from tracewhale.errors import TargetNotFound
from tracewhale.report.json import schema
from tracewhale.rootfs.tree import Tree, View

LOADER = "/lib64/ld-linux-x86-64.so.2"
FILES = {
    "/usr/bin/tool": elf(
        [(NEEDED, "liba.so"), (NEEDED, "libgone.so"), (NEEDED, "libb.so")], interpreter=LOADER
    ),
    "/usr/bin/run": b"#!/usr/bin/tool -x\n",
    "/usr/bin/rerun": b"#! /usr/bin/run\n",
    "/usr/bin/lost": b"#!/usr/bin/nothing\n",
    "/usr/bin/data": b"hello\n",
    "/usr/bin/broken": elf()[:90],
    "/usr/bin/whole": elf([(NEEDED, "libb.so")], interpreter=LOADER),
    LOADER: library("ld-linux-x86-64.so.2"),
    "/lib64/liba.so": elf([(SONAME, "liba.so"), (NEEDED, "libb.so"), (AUXILIARY, "libaux.so")]),
    "/lib64/libb.so": library("libb.so"),
    "/opt/o/libo.so": elf([(SONAME, "libo.so"), (RUNPATH, "$ORIGIN"), (NEEDED, "libp.so")]),
    "/opt/o/libp.so": library("libp.so"),
}


@pytest.fixture
def resolver() -> Resolver:
    tree = ElfTree(FILES)
    for path in ("/usr/bin/tool", "/usr/bin/run"):
        object.__setattr__(tree.entries[path], "mode", 0o755)
    return Resolver(View(tree))


def test_tree_is_in_the_order_of_the_headers(resolver: Resolver) -> None:
    assert (
        render_tree([dependencies(resolver, "tool")])
        == f"""\
tool => /usr/bin/tool
├── {LOADER} (interpreter)
├── liba.so => /lib64/liba.so [default]
│   ├── libb.so => /lib64/libb.so [default]
│   └── libaux.so => not found, which is no error (auxiliary)
│           cache: /etc/ld.so.cache: not in the cache
│           default: /lib64/libaux.so: no such file
│           default: /usr/lib64/: no such directory
├── libgone.so => not found
│       cache: /etc/ld.so.cache: not in the cache
│       default: /lib64/libgone.so: no such file
│       default: /usr/lib64/: no such directory
└── libb.so => /lib64/libb.so [default]
"""
    )


def test_library_alone(resolver: Resolver) -> None:
    listing = dependencies(resolver, "/opt/o/libo.so")
    assert [(row.depth, row.outcome.name) for row in listing.rows] == [(1, "libp.so")]
    assert listing.complete
    assert render_flat([listing]) == "/opt/o/libo.so\n/opt/o/libp.so\n"


def test_scripts_are_followed(resolver: Resolver) -> None:
    listing = dependencies(resolver, "/usr/bin/rerun")
    names = [(row.depth, row.outcome.name, row.outcome.kind) for row in listing.rows]
    assert names[:3] == [
        (1, "/usr/bin/run", EdgeKind.SCRIPT),
        (2, "/usr/bin/tool", EdgeKind.SCRIPT),
        (3, LOADER, EdgeKind.INTERPRETER),
    ]


def test_script_without_its_interpreter(resolver: Resolver) -> None:
    listing = dependencies(resolver, "/usr/bin/lost")
    assert [miss.name for miss in listing.misses] == ["/usr/bin/nothing"]
    assert not listing.complete


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("/usr/bin/none", "no such file"),
        ("absent", "no such file"),
        ("/usr/bin", "it is a directory"),
        ("/usr/bin/data", "neither an ELF file nor a script"),
        ("/usr/bin/broken", "not a readable ELF file: truncated within its program headers"),
    ],
)
def test_trouble(resolver: Resolver, path: str, trouble: str) -> None:
    listing = dependencies(resolver, path)
    assert listing.trouble == trouble
    assert not listing.complete


def test_environment_steers(resolver: Resolver) -> None:
    listing = dependencies(resolver, "/usr/bin/whole", {"LD_PRELOAD": "/opt/o/libp.so"})
    edges = {row.outcome.name: row.outcome.kind for row in listing.rows}
    assert edges["/opt/o/libp.so"] is EdgeKind.PRELOAD


def test_what_is_deep_is_no_trouble() -> None:
    depth = 3000
    files = {f"/lib64/l{i}.so": library(f"l{i}.so", f"l{i + 1}.so") for i in range(depth)}
    files |= {LOADER: library("ld.so"), f"/lib64/l{depth}.so": library("end")}
    found = dependencies(Resolver(View(ElfTree(files))), "/lib64/l0.so")
    assert found.rows[-1].depth == depth
    assert render_tree([found]).count("\n") == depth + 1


def test_nothing_printed_moves_the_cursor() -> None:
    edge = Row(1, Edge("x", "\x1b[31m", "\x1b[31m", EdgeKind.NEEDED, How.DEFAULT))
    assert "\x1b" not in render_tree([Listing("x", "x", (edge,), Closure({}, ()))])


def run(*arguments: str, files: Mapping[str, bytes] = FILES) -> Result:
    @contextmanager
    def opener(name: str) -> Iterator[Tree]:
        if name != "image":
            raise TargetNotFound(f"there is no {name}", "name another")
        yield ElfTree(files)

    return CliRunner().invoke(command(opener), arguments)


def test_command_prints_a_tree_and_fails_for_a_miss() -> None:
    result = run("image", "/usr/bin/tool")
    assert result.exit_code == 1
    assert "└── libb.so => /lib64/libb.so [default]\n" in result.stdout
    assert run("image", "/usr/bin/whole").exit_code == 0


def test_command_prints_json() -> None:
    result = run("image", "--json", "/usr/bin/tool", "/usr/bin/whole")
    jsonschema.validate(json.loads(result.stdout), schema("deps"))
    (first, second) = json.loads(result.stdout)["files"]
    assert (first["complete"], second["complete"]) == (False, True)
    assert first["missing"][0]["name"] == "libaux.so"
    assert {"needed_by": "/usr/bin/whole", "name": "libb.so", "path": "/lib64/libb.so", "kind": "needed",
            "how": "default", "variant": ""} in second["found"]  # fmt: skip


def test_command_says_what_is_wrong() -> None:
    result = run("nowhere", "/usr/bin/tool")
    assert (result.exit_code, result.stderr) == (
        4,
        "tracewhale: there is no nowhere\ntracewhale: name another\n",
    )
    assert run("image", "-e", "NONSENSE", "/usr/bin/tool").exit_code == 2
    assert run("image").exit_code == 2


def test_command_guesses() -> None:
    with_literal = {
        **FILES,
        "/usr/bin/whole": with_read_only(FILES["/usr/bin/whole"], b"\0libo.so\0liba.so\0"),
    }
    result = run("image", "--guess-dlopen", "--flat", "/usr/bin/whole", files=with_literal)
    assert "/lib64/liba.so\n" in result.stdout
    assert "/lib64/liba.so" not in run("image", "--flat", "/usr/bin/whole", files=with_literal).stdout
    assert "possible dlopen by" in run("image", "/usr/bin/whole", files=with_literal).stdout


def with_read_only(data: bytes, text: bytes) -> bytes:
    """The file with a section of read-only data at its end."""
    header = struct.pack("<IIQQQQIIQQ", 0, 1, 2, 0, len(data), len(text), 0, 0, 1, 0)
    changed = bytearray(data + text + b"\0" * (-len(data + text) % 8))
    struct.pack_into("<Q", changed, 40, len(changed))
    struct.pack_into("<HHH", changed, 58, 64, 1, 0)
    return bytes(changed) + header
