"""Debian's packages: whose a file is, and what the new image has in ``status.d``."""

from __future__ import annotations

import pytest
from debian.deb822 import Deb822

from tests.packages.images import MODIFIED, Image

STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: glibc
Version: 2.36-9
Maintainer: The GNU Libc Maintainers <libc@example.org>
Conffiles:
 /etc/ld.so.conf.d/x.conf d4d833fd095fb7b90e1bb4a547f16de6
 /etc/gone.conf 28fa76ff5a9e0566eaa1e11f1ce51f09
Description: the C library
 of GNU
 .
 and more

Package: dash
Status: install ok installed
Architecture: amd64
Version: 0.5.12-2
Source: dash (0.5.12-1)
Conffiles:
 /etc/dashrc 28fa76ff5a9e0566eaa1e11f1ce51f09
Description: a shell

Package: libx
Status: install ok installed
Architecture: amd64
Version: 1

Package: libx
Status: install ok installed
Architecture: i386
Version: 1

Package: doc-base
Status: install ok installed
Architecture: all
Version: 3

Package: removed
Status: deinstall ok config-files
Architecture: all
Version: 4

Package: ../../../etc/evil
Status: install ok installed
Architecture: all
Version: 5
"""

TREE = """
    /lib -> usr/lib
    /bin -> usr/bin
    /usr/bin/sh -> dash
    /usr/bin/dash: dash
    /usr/bin/sh.distrib: sh
    /usr/lib/libc.so.6: libc
    /usr/lib/libm.so.6: libm
    /usr/lib/amd64/libx.so: x
    /usr/lib/i386/libx.so: x
    /usr/share/doc/libc6/copyright: GPL
    /usr/share/doc/libc6/changelog: c
    /usr/share/doc/dash -> doc-base
    /usr/share/doc/doc-base/copyright: BSD
    /usr/share/doc/libx/copyright: MIT
    /usr/share/man/dash.1: gone
    /etc/ld.so.conf.d/x.conf: x
    /etc/removed.conf: removed
    /etc/debian_version: 12.0
    /usr/lib/os-release: ID=debian
    /etc/os-release -> ../usr/lib/os-release
    /opt/app: ours
"""

INFO = {
    "libc6:amd64.list": "/.\n/lib\n/lib/libc.so.6\n/lib/libm.so.6\n/etc\n/etc/ld.so.conf.d\n"
    "/etc/ld.so.conf.d/x.conf\n/usr\n/usr/share\n/usr/share/doc\n/usr/share/doc/libc6\n"
    "/usr/share/doc/libc6/copyright\n/usr/share/doc/libc6/changelog\n",
    "libc6:amd64.md5sums": "0123  lib/libc.so.6\n4567  lib/libm.so.6\n89ab  usr/share/doc/libc6/copyright\n",
    "dash.list": "/.\n/bin\n/bin/dash\n/bin/sh\n/usr\n/usr/share\n/usr/share/doc\n/usr/share/doc/dash\n"
    "/usr/share/never\n/usr/share/never/there\n",
    "dash.md5sums": "cdef  bin/dash\n",
    "libx:amd64.list": "/.\n/usr\n/usr/lib\n/usr/lib/amd64\n/usr/lib/amd64/libx.so\n",
    "libx:i386.list": "/.\n/usr\n/usr/lib\n/usr/lib/i386\n/usr/lib/i386/libx.so\n",
    "doc-base.list": "/.\n/usr/share/doc/doc-base\n/usr/share/doc/doc-base/copyright\n/usr/bin/other\n",
    "removed.list": "/etc/removed.conf\n",
}


def image(status: str = STATUS, **more: str | bytes) -> Image:
    files: dict[str, str | bytes] = {f"/var/lib/dpkg/info/{name}": text for name, text in INFO.items()}
    return Image(TREE, {"/var/lib/dpkg/status": status, **files, **more})


DISTRIBUTION = ["/etc", "/etc/debian_version", "/etc/os-release", "/usr/lib/os-release"]


def test_lists_of_merged_usr_name_files_where_they_are_not() -> None:
    found = image().find("/lib/libc.so.6", "/opt/app")
    assert found.kept == ["libc6 2.36-9 part /usr/lib/libc.so.6 /usr/share/doc/libc6/copyright"]
    assert found.left_out == ["dash", "doc-base", "libx", "libx"]
    assert found.added == sorted(
        [
            *DISTRIBUTION,
            "/usr/share",
            "/usr/share/doc",
            "/usr/share/doc/libc6",
            "/usr/share/doc/libc6/copyright",
        ]
    )


def test_a_link_that_is_a_directory_to_any_package_is_of_none() -> None:
    """Packages name directories in which they have nothing: cpp and libunwind8 of Debian 12 name ``/lib``."""
    empty = image(**{"/var/lib/dpkg/info/doc-base.list": "/.\n/lib\n/usr\n/usr/share\n"})
    found = empty.find("/lib/libc.so.6")
    assert found.kept == ["libc6 2.36-9 part /usr/lib/libc.so.6 /usr/share/doc/libc6/copyright"]
    assert "/var/lib/dpkg/status.d/doc-base" not in found.written


def test_a_package_with_all_that_the_image_has_of_it_is_whole() -> None:
    found = image().find("/bin/sh")
    assert found.kept == ["dash 0.5.12-2 whole /usr/bin/dash /usr/bin/sh /usr/share/doc/dash"]


def test_a_copyright_is_kept_with_the_links_that_lead_to_it() -> None:
    found = image().find("/bin/dash")
    assert {"/usr/share/doc/dash", "/usr/share/doc/doc-base/copyright"} <= set(found.added)
    assert "doc-base" in found.left_out, "a package is not there with its documentation alone"


def test_copyright_is_owed_for_contents_only_and_when_it_is_wanted() -> None:
    empty = Image("/usr/bin/other -> /opt\n/opt/\n/usr/share/doc/doc-base/copyright: BSD", {
        "/var/lib/dpkg/status": STATUS, "/var/lib/dpkg/info/doc-base.list": INFO["doc-base.list"],
    })  # fmt: skip
    assert "/usr/share/doc/doc-base/copyright" not in empty.find("/usr/bin/other").added
    assert image().find("/lib/libc.so.6", licences=False).added == sorted(DISTRIBUTION)


def test_status_d_is_read_by_others() -> None:
    """As dpkg-query -W would list it, by python-debian."""
    found = image().find("/lib/libc.so.6", "/bin/dash", "/etc/ld.so.conf.d/x.conf")
    stanzas = {
        path: list(Deb822.iter_paragraphs(text))
        for path, text in found.written.items()
        if not path.endswith(".md5sums")
    }
    assert sorted(stanzas) == ["/var/lib/dpkg/status.d/dash", "/var/lib/dpkg/status.d/libc6"]
    assert [
        (one["Package"], one["Version"], one["Architecture"], one.get("Source"))
        for (one,) in stanzas.values()
    ] == [("dash", "0.5.12-2", "amd64", "dash (0.5.12-1)"), ("libc6", "2.36-9", "amd64", "glibc")]
    libc = stanzas["/var/lib/dpkg/status.d/libc6"][0]
    assert libc["Description"] == "the C library\n of GNU\n .\n and more"
    assert libc["Conffiles"].split() == ["/etc/ld.so.conf.d/x.conf", "d4d833fd095fb7b90e1bb4a547f16de6"]
    assert "Status" not in libc, "as in the packages themselves, and in distroless images"
    assert "Conffiles" not in stanzas["/var/lib/dpkg/status.d/dash"][0]
    assert found.times == {MODIFIED}


def test_md5sums_name_what_is_there() -> None:
    found = image().find("/lib/libc.so.6", licences=False)
    assert found.written["/var/lib/dpkg/status.d/libc6.md5sums"] == "0123  lib/libc.so.6\n"


def test_md5sums_name_a_file_where_it_can_be_found() -> None:
    """``bin/dash`` is no name of it in an image that has no ``/bin``."""
    place = "/var/lib/dpkg/status.d/dash.md5sums"
    assert image().find("/bin/dash").written[place] == "cdef  bin/dash\n"
    assert image().find("/usr/bin/dash").written[place] == "cdef  usr/bin/dash\n"


def test_two_architectures_of_a_package_are_two() -> None:
    both = image().find("/usr/lib/amd64/libx.so", "/usr/lib/i386/libx.so")
    assert sorted(both.written) == ["/var/lib/dpkg/status.d/libx:amd64", "/var/lib/dpkg/status.d/libx:i386"]
    assert sorted(image().find("/usr/lib/i386/libx.so").written) == ["/var/lib/dpkg/status.d/libx"]


def test_a_diverted_file_is_of_the_package_that_wanted_it_elsewhere() -> None:
    diverted = {"/var/lib/dpkg/diversions": "/bin/sh\n/usr/bin/sh.distrib\nother\n"}
    found = image(**diverted).find("/usr/bin/sh.distrib", "/usr/bin/sh")
    assert found.kept[0].startswith("dash 0.5.12-2 whole /usr/bin/dash /usr/bin/sh.distrib ")


def test_what_is_not_installed_owns_nothing() -> None:
    assert image().find("/etc/removed.conf").kept == []


def test_no_name_leads_out_of_the_database() -> None:
    hostile = "".join(
        f"Package: libx\nStatus: install ok installed\nArchitecture: {architecture}\nVersion: 1\n\n"
        for architecture in ("amd64", "../../../etc/evil", "x/../../y")
    )
    found = image(hostile, **{"/var/lib/dpkg/info/libx.list": "/opt/app\n"}).find("/opt/app")
    assert list(found.written) == ["/var/lib/dpkg/status.d/libx"]


@pytest.mark.parametrize("name", ["/var/lib/dpkg/status", "/var/lib/dpkg"])
def test_a_database_that_the_program_reads_stays_the_original(name: str) -> None:
    found = image().find("/lib/libc.so.6", name)
    assert bool(found.written) == (name == "/var/lib/dpkg")
    assert found.kept[0].startswith("libc6")


def test_distroless_keeps_its_own() -> None:
    stanza = "Package: libc6\nArchitecture: amd64\nVersion: 2.36-9\n"
    distroless = Image(TREE, {
        "/var/lib/dpkg/status.d/libc6": stanza,
        "/var/lib/dpkg/status.d/libc6.md5sums": "0123  usr/lib/libc.so.6\n",
        "/var/lib/dpkg/status.d/tzdata": "Package: tzdata\nArchitecture: all\nVersion: 1\n",
    })  # fmt: skip
    found = distroless.find("/usr/lib/libc.so.6")
    assert found.kept == ["libc6 2.36-9 whole /usr/lib/libc.so.6"]
    assert found.left_out == ["tzdata"]
    assert found.written == {}
    assert {p for p in found.added if "dpkg/status.d/" in p} == {
        "/var/lib/dpkg/status.d/libc6", "/var/lib/dpkg/status.d/libc6.md5sums",
    }  # fmt: skip


@pytest.mark.parametrize("status", ["", "\n\n", "Package: \n", "nothing\n", "Package: x\n", "\0\n", " x\n"])
def test_a_damaged_database_has_no_packages(status: str) -> None:
    assert image(status).find("/lib/libc.so.6").kept == []


def test_the_cost_does_not_grow_with_what_is_not_kept() -> None:
    few, many = image(), image(STATUS + "".join(
        f"\nPackage: p{n}\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n" for n in range(500)
    ), **{f"/var/lib/dpkg/info/p{n}.list": f"/usr/share/p{n}/x\n" for n in range(500)})  # fmt: skip
    for one in (few, many):
        one.find("/lib/libc.so.6")
    assert many.tree.exchanges == few.tree.exchanges <= 24
