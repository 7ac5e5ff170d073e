"""Images made of a small Debian, for tests of what they carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tests.packages.images import Image as Made
from tracewhale.image import Image
from tracewhale.image.recipe import PLAIN, Original, Recipe, WrittenImage, reserve, write
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import make_plan
from tracewhale.rootfs.blobs import Blob
from tracewhale.rootfs.layers import LayerTree
from tracewhale.tracing.events import Event, Trace

TREE = """
    /lib -> usr/lib
    /usr/lib/libc.so.6: the C library
    /usr/lib/libb.so.1: b
    /usr/share/doc/libc6/copyright: GPL
    /usr/share/doc/libb/copyright: BSD
    /usr/bin/tool: the largest of them all
    /usr/bin/unused: u
    /opt/app/main: app
    /opt/app/caf\udce9: not UTF-8
    /etc/os-release: ID=debian
    /etc/debian_version: 12.1
    /var/lib/
"""

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9
Source: glibc
Maintainer: Libc <libc@example.org>

Package: libb
Status: install ok installed
Architecture: amd64
Version: 1:1.0

Package: tool
Status: install ok installed
Architecture: all
Version: 3

Package: unused
Status: install ok installed
Architecture: all
Version: 4
"""

FILES = {
    "/var/lib/dpkg/status": STATUS,
    "/var/lib/dpkg/info/libc6.list": "/lib/libc.so.6\n/usr/share/doc/libc6/copyright\n",
    "/var/lib/dpkg/info/libb.list": "/lib/libb.so.1\n/usr/share/doc/libb/copyright\n/usr/lib/unused\n",
    "/var/lib/dpkg/info/tool.list": "/usr/bin/tool\n/usr/bin/unused\n",
    "/var/lib/dpkg/info/unused.list": "/usr/bin/other\n",
    "/opt/app/node_modules/x/package.json": '{"name": "x", "version": "1.0", "license": "Apache-2.0 OR MIT"}',
    "/opt/app/node_modules/y/package.json": '{"name": "y", "version": "1.0", "license": "see file"}',
}

CONFIG: Mapping[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "created": "2026-01-02T03:04:05.678901234Z",
    "config": {
        "Cmd": ["/opt/app/main"],
        "Labels": {"a": "1", "org.opencontainers.image.base.name": "its own"},
        "Healthcheck": {"Test": ["CMD", "true"]},
    },
}

ORIGINAL = Original("debian:12", f"sha256:{'0' * 64}", CONFIG)

ASKED = (
    "/lib/libc.so.6", "/lib/libb.so.1", "/usr/bin/tool", "/opt/app/main", "/opt/app/caf\udce9",
    "/opt/app/node_modules/x/package.json", "/opt/app/node_modules/y/package.json",
)  # fmt: skip


def plan_sample(*asked: str, **options: Any) -> tuple[Made, Plan]:
    """The plan of some paths, of all by default."""
    made = Made(TREE, FILES)
    events = frozenset(Event(path, "read", "/opt/app/main", present=True) for path in asked or ASKED)
    return made, make_plan(made.view, Trace("t", "i", "p", {}, events), Options(**options))


@contextmanager
def write_sample(
    recipe: Recipe = PLAIN, environ: Mapping[str, str] = {}, original: Original = ORIGINAL
) -> Iterator[tuple[WrittenImage, LayerTree]]:
    """An image made by a recipe, and its files as they can be read out of its layers."""
    made, plan = plan_sample()
    with write(
        made.view, reserve(made.view, plan, original, recipe, environ), original, recipe, environ
    ) as image:
        yield image, tree_of(image.image)


def tree_of(image: Image) -> LayerTree:
    return LayerTree([Blob(file, 0, layer.size) for layer, file in image.layers])
