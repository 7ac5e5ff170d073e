"""rpm's packages: its three forms of a database read, and the new one read by rpm itself."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.packages.images import MODIFIED, Image
from tracewhale.packages import rpmdb
from tracewhale.packages.rpm import parse

SECONDS = 120

SPEC = """\
Name: {name}
Version: 1.2
Release: 3
Epoch: 4
Summary: {name}
License: MIT
Vendor: Example
BuildArch: noarch
%description
{name}
%install
mkdir -p %{{buildroot}}/usr/bin %{{buildroot}}/usr/share/licenses/{name} %{{buildroot}}/var/lib/{name}
echo {name} > %{{buildroot}}/usr/bin/{name}
echo licence > %{{buildroot}}/usr/share/licenses/{name}/COPYING
touch %{{buildroot}}/var/lib/{name}/ghost
%files
/usr/bin/{name}
%license /usr/share/licenses/{name}/COPYING
%dir /var/lib/{name}
%ghost /var/lib/{name}/ghost
"""

TREE = """
    /usr/bin/one: 1
    /usr/bin/two: 2
    /usr/share/licenses/one/COPYING: MIT
    /usr/share/licenses/two/COPYING: MIT
    /var/lib/one/
    /etc/redhat-release: Example 1
"""

PLACE = "/usr/lib/sysimage/rpm"


def run(*command: str, said: str | None = None) -> str:
    done = subprocess.run(command, input=said, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """rpm's own database of two packages that it built and installed."""
    top = tmp_path_factory.mktemp("rpm")
    for name in ("one", "two"):
        (top / f"{name}.spec").write_text(SPEC.format(name=name))
        run("rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}/top", str(top / f"{name}.spec"))
    packages = [str(path) for path in sorted((top / "top/RPMS/noarch").iterdir())]
    (top / "root").mkdir()
    run(*rpm(top / "root"), "--define", "_db_backend sqlite", "-i", "--nodeps", "--justdb", *packages)
    return (top / "root" / PLACE[1:] / "rpmdb.sqlite").read_bytes()


def rpm(root: Path) -> list[str]:
    return ["rpm", "--root", str(root), "--dbpath", PLACE]


def as_ndb(headers: dict[int, bytes]) -> bytes:
    """As lib/backend/ndb/rpmpkg.c writes it: a page of slots, then blobs in blocks of 16 bytes."""
    slots, blobs = b"", b""
    for number, header in headers.items():
        block = (4096 + len(blobs)) // 16
        size = -(-(16 + len(header) + 12) // 16)
        slots += struct.pack("<4sIII", b"Slot", number, block, size)
        blobs += (struct.pack("<4sIII", b"BlbS", number, 1, len(header)) + header).ljust(16 * size, b"\0")
    page = struct.pack("<4sIIIIIII", b"RpmP", 0, 1, 1, 9, 0, 0, 0) + slots
    empty = struct.pack("<4sIII", b"Slot", 0, 0, 0)
    return page + empty * ((4096 - len(page)) // 16) + blobs


def as_berkeley(headers: dict[int, bytes], path: Path) -> bytes:
    """As Berkeley DB's own loader writes it."""
    rows = "".join(f" {n.to_bytes(4, 'little').hex()}\n {h.hex()}\n" for n, h in headers.items())
    dump = f"VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=512\nHEADER=END\n{rows}DATA=END\n"
    run("db5.3_load", str(path), said=dump)
    return path.read_bytes()


@pytest.fixture(params=["rpmdb.sqlite", "Packages.db", "Packages"])
def image(request: pytest.FixtureRequest, database: bytes, tmp_path: Path) -> Image:
    name = str(request.param)
    headers = rpmdb.headers(database)
    data = {
        "rpmdb.sqlite": lambda: database,
        "Packages.db": lambda: as_ndb(headers),
        "Packages": lambda: as_berkeley(headers, tmp_path / "Packages"),
    }[name]()
    return Image(TREE, {f"{PLACE}/{name}": data})


def test_files_and_licences_have_their_packages(image: Image) -> None:
    found = image.find("/usr/bin/one")
    assert found.kept == ["one 4:1.2-3 whole /usr/bin/one /usr/share/licenses/one/COPYING"]
    assert found.left_out == ["two"]
    (owned,) = found.inventory.kept_packages
    assert (owned.package.licence, owned.package.supplier) == ("MIT", "Example")
    assert "/etc/redhat-release" in found.added
    assert found.times == {MODIFIED}


def test_without_its_licence_a_package_is_there_in_part(image: Image) -> None:
    assert image.find("/usr/bin/one", licences=False).kept == ["one 4:1.2-3 part /usr/bin/one"]


def test_rpm_reads_the_new_database(image: Image, tmp_path: Path) -> None:
    (content,) = image.find("/usr/bin/two").bytes.values()
    directory = tmp_path / "root" / PLACE[1:]
    directory.mkdir(parents=True)
    (directory / "rpmdb.sqlite").write_bytes(content)
    command = rpm(tmp_path / "root")
    assert run(*command, "-qa") == "two-1.2-3.noarch\n"
    assert run(*command, "-q", "--qf", "%{EPOCH} %{LICENSE}\n", "two") == "4 MIT\n"
    assert run(*command, "-ql", "two").split() == [
        "/usr/bin/two", "/usr/share/licenses/two/COPYING", "/var/lib/two", "/var/lib/two/ghost",
    ]  # fmt: skip
    run(*command, "--verifydb")
    assert len(content) < 64 << 10


def test_a_database_that_the_program_reads_stays_the_original(database: bytes) -> None:
    image = Image(TREE, {f"{PLACE}/rpmdb.sqlite": database})
    assert image.find("/usr/bin/one", f"{PLACE}/rpmdb.sqlite").written == {}


def test_the_same_packages_give_the_same_bytes(database: bytes) -> None:
    headers = rpmdb.headers(database)
    chosen = {number: ("x", header) for number, header in headers.items()}
    assert rpmdb.subset(database, chosen) == rpmdb.subset(database, dict(reversed(chosen.items())))
    assert b"SQLite format 3" in rpmdb.subset(database, {})


def test_a_table_that_is_a_trap_is_not_run(tmp_path: Path) -> None:
    made = sqlite3.connect(tmp_path / "trap")
    made.execute(
        "CREATE VIEW Packages AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
        "SELECT x AS hnum, x AS blob FROM n"
    )
    made.commit()
    made.close()
    assert rpmdb.headers((tmp_path / "trap").read_bytes()) == {}


@given(st.data())
def test_damaged_databases_have_no_packages_and_do_no_harm(database: bytes, data: st.DataObject) -> None:
    headers = rpmdb.headers(database)
    whole = data.draw(st.sampled_from([database, as_ndb(headers), os.urandom(64)]))
    cut = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 8))):
        if cut:
            cut[data.draw(st.integers(0, len(cut) - 1))] = data.draw(st.integers(0, 255))
    for header in rpmdb.headers(bytes(cut)).values():
        parse(header)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_header_without_harm(header: bytes) -> None:
    parse(header)
    parse(struct.pack(">II", 2, 8) + header)
