"""Alpine's packages: whose a file is, and the database of just those that are there."""

from __future__ import annotations

import pytest

from tests.packages.images import MODIFIED, Image

INSTALLED = """\
C:Q1mhN7Y8PMc7m8q/H
P:musl
V:1.2.5-r0
A:x86_64
L:MIT
o:musl
m:Somebody <s@example.org>
F:lib
R:ld-musl-x86_64.so.1
a:0:0:755
Z:Q1one
R:libc.musl-x86_64.so.1
a:0:0:777
Z:Q1two
F:etc
F:etc/x
M:0:0:700
R:conf
Z:Q1three

C:Q1other
P:busybox-binsh
V:1.36.1-r29
A:x86_64
L:GPL-2.0-only
o:busybox
F:bin
R:sh
a:0:0:777

P:ca
V:1-r0
F:usr/share/ca

"""

TREE = """
    /lib/ld-musl-x86_64.so.1: musl
    /lib/libc.musl-x86_64.so.1 -> ld-musl-x86_64.so.1
    /etc/x/conf: c
    /etc/alpine-release: 3.20.0
    /etc/apk/repositories: main
    /etc/os-release: ID=alpine
    /bin/busybox: b
    /bin/sh -> busybox
"""


def image(place: str = "/lib/apk/db/installed", text: str = INSTALLED, tree: str = TREE) -> Image:
    return Image(tree, {place: text})


def test_the_new_database_has_the_records_and_files_that_are_there() -> None:
    found = image().find("/lib/libc.musl-x86_64.so.1")
    assert found.kept == ["musl 1.2.5-r0 part /lib/ld-musl-x86_64.so.1 /lib/libc.musl-x86_64.so.1"]
    assert found.left_out == ["busybox-binsh", "ca"]
    assert found.written == {
        "/lib/apk/db/installed": INSTALLED.split("F:etc\n")[0] + "\n",
    }
    assert found.times == {MODIFIED}
    assert {"/etc/alpine-release", "/etc/apk/repositories", "/etc/os-release"} <= set(found.added)


def test_a_directory_comes_with_its_own_lines() -> None:
    written = image().find("/etc/x/conf").written["/lib/apk/db/installed"]
    assert written.endswith("F:etc/x\nM:0:0:700\nR:conf\nZ:Q1three\n\n")
    assert "F:lib" not in written


def test_what_is_written_is_read_again() -> None:
    """As Trivy and Syft read it: records between empty lines, a letter and a colon before each value."""
    first = image().find("/lib/libc.musl-x86_64.so.1", "/bin/sh", "/etc/x/conf")
    again = image(text=first.written["/lib/apk/db/installed"])
    second = again.find("/lib/libc.musl-x86_64.so.1", "/bin/sh", "/etc/x/conf")
    assert [line.split()[0] for line in second.kept] == ["busybox-binsh", "musl"]
    assert second.written == first.written
    assert second.left_out == []
    assert second.kept[1] == (
        "musl 1.2.5-r0 whole /etc/x/conf /lib/ld-musl-x86_64.so.1 /lib/libc.musl-x86_64.so.1"
    )


def test_a_database_that_the_program_reads_stays_the_original() -> None:
    assert image().find("/bin/sh", "/lib/apk/db/installed").written == {}


def test_the_place_of_newer_alpines_and_merged_usr() -> None:
    tree = "/lib -> usr/lib\n/usr/lib/ld-musl-x86_64.so.1: musl\n/etc/alpine-release: 3.23"
    found = image("/usr/lib/apk/db/installed", tree=tree).find("/lib/ld-musl-x86_64.so.1")
    assert found.kept[0].startswith("musl 1.2.5-r0 whole /usr/lib/ld-musl-x86_64.so.1")
    assert list(found.written) == ["/usr/lib/apk/db/installed"]


@pytest.mark.parametrize("text", ["", "P:x\n", "R:lost\n\n", "P:a\nV:1\nR:no-directory\n", "\0:\n\n:\n"])
def test_a_damaged_database_has_no_packages(text: str) -> None:
    assert image(text=text).find("/bin/sh").kept == []
