"""The attack surface, before and after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packages.images import Image
from tracewhale.plan.surface import Surface, surface

TREE = """
    /bin -> usr/bin
    /usr/bin/sh -> dash
    /usr/bin/dash: d
    /usr/bin/bash: b
    /usr/bin/su: s
    /usr/bin/wall: w
    /usr/bin/apt-get: a
    /usr/bin/dpkg: d
    /usr/bin/pip3.11: p
    /usr/bin/x86_64-linux-gnu-gcc-12: g
    /usr/bin/ld.bfd: l
    /usr/bin/show: not a shell
    /usr/bin/gccx: not a compiler
    /usr/lib/openssh/ssh-keysign: k
    /opt/deep/setuid: s
    /opt/app: a
"""

MODES = {
    "/usr/bin/su": 0o4755,
    "/usr/bin/wall": 0o2755,
    "/usr/lib/openssh/ssh-keysign": 0o4755,
    "/opt/deep/setuid": 0o4711,
    "/usr/bin/bash": 0o644,
    "/opt/app": 0o2644,
}


def found(*paths: str) -> Surface:
    image = Image(TREE)
    for path, entry in image.tree.entries.items():
        if entry.mode == 0o644:
            image.tree.entries[path] = replace(entry, mode=MODES.get(path, 0o755))
    return surface(image.view, image.kept(paths))


def test_all_that_lies_where_programs_are_is_counted() -> None:
    before = found("/opt/app")
    assert before.setuid.before == ("/usr/bin/su", "/usr/bin/wall", "/usr/lib/openssh/ssh-keysign")
    assert before.shells.before == ("/usr/bin/dash", "/usr/bin/sh"), "bash cannot be executed"
    assert before.package_managers.before == ("/usr/bin/apt-get", "/usr/bin/dpkg", "/usr/bin/pip3.11")
    assert before.compilers.before == ("/usr/bin/ld.bfd", "/usr/bin/x86_64-linux-gnu-gcc-12")


@pytest.mark.parametrize(
    ("path", "kind", "left"),
    [
        ("/bin/sh", "shells", ("/usr/bin/dash", "/usr/bin/sh")),
        ("/bin/su", "setuid", ("/usr/bin/su",)),
        ("/opt/deep/setuid", "setuid", ("/opt/deep/setuid",)),
        ("/opt/app", "setuid", ()),
        ("/usr/bin/dpkg", "package_managers", ("/usr/bin/dpkg",)),
        ("/usr/bin/ld.bfd", "compilers", ("/usr/bin/ld.bfd",)),
        ("/usr/bin/show", "shells", ()),
    ],
)
def test_what_is_kept_is_left(path: str, kind: str, left: tuple[str, ...]) -> None:
    change = getattr(found(path), kind)
    assert change.left == left
    assert set(change.left) <= set(change.before)


def test_a_tree_without_programs_has_none() -> None:
    image = Image("/app: static")
    assert surface(image.view, image.kept(["/app"])) == Surface()
