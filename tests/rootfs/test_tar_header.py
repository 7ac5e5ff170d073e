"""Headers that we write, as tarfile, GNU tar and we ourselves read them."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewhale.image.layer import write_layer
from tracewhale.rootfs.blobs import StreamSource
from tracewhale.rootfs.members import members
from tracewhale.rootfs.tar_header import BLOCK, header, member_name
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry

END = bytes(2 * BLOCK)
EIGHT_GB = 8 << 30

names = st.binary(min_size=1, max_size=300).filter(lambda name: not {0, ord("/")} & set(name))
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)
xattr_names = st.binary(min_size=1, max_size=40).filter(lambda name: not {0, ord("=")} & set(name))
entries = st.builds(
    Entry,
    path=paths.map(lambda path: "/" + path.decode(errors="surrogateescape")),
    kind=st.sampled_from([Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK, Kind.FIFO, Kind.CHARACTER, Kind.BLOCK]),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 2),
    gid=st.integers(0, 2**32 - 2),
    size=st.integers(0, 2**62),
    mtime_ns=st.integers(-(2**62), 2**64),
    target=paths.map(lambda path: path.decode(errors="surrogateescape")),
    rdev=st.tuples(st.integers(0, 4095), st.integers(0, 2**20 - 1)),
)


@given(entries, st.dictionaries(xattr_names, st.binary(max_size=100), max_size=3))
def test_what_we_write_we_read(entry: Entry, xattrs: dict[bytes, bytes]) -> None:
    """Of members without contents, as nobody wants to read 2**62 bytes."""
    source = StreamSource(io.BytesIO(header(entry, xattrs) + END).read)
    member = next(members(source))
    assert member.name == member_name(entry.path, entry.kind)
    assert (member.mode, member.uid, member.gid) == (entry.mode, entry.uid, entry.gid)
    assert member.mtime_ns == entry.mtime_ns
    assert member.size == (entry.size if entry.kind is Kind.FILE else 0)
    assert dict(member.xattrs) == xattrs
    assert member.link == entry.target.encode(errors="surrogateescape")
    assert member.rdev == (entry.rdev if entry.kind in (Kind.CHARACTER, Kind.BLOCK) else (0, 0))


@given(entries, st.dictionaries(xattr_names, st.binary(min_size=1, max_size=100), max_size=3))
def test_tarfile_reads_the_same(entry: Entry, xattrs: dict[bytes, bytes]) -> None:
    data = header(entry, {b"user." + name: value for name, value in xattrs.items()})
    with tarfile.open(fileobj=io.BytesIO(data + END), encoding="utf-8", errors="surrogateescape") as tar:
        info = tar.next()
    assert info is not None
    assert f"/{info.name}" == entry.path
    assert (info.mode, info.uid, info.gid) == (entry.mode, entry.uid, entry.gid)
    assert info.size == (entry.size if entry.kind is Kind.FILE else 0)
    if entry.kind is Kind.SYMLINK:
        assert info.linkname == entry.target
    found = {key: value for key, value in info.pax_headers.items() if key.startswith("SCHILY.xattr.")}
    assert found == {
        f"SCHILY.xattr.user.{name.decode(errors='surrogateescape')}": value.decode(errors="surrogateescape")
        for name, value in xattrs.items()
    }


@pytest.mark.parametrize(
    ("nanoseconds", "record"),
    [
        (1_500_000_000_000_000_000, None),
        (1_500_000_000_100_000_000, b"1500000000.1"),
        (1_500_000_000_000_000_001, b"1500000000.000000001"),
        (-1, b"-0.000000001"),
        (-1_500_000_000, b"-1.5"),
        (-2_000_000_000, b"-2"),
        (8**11 * 10**9, b"8589934592"),
        ((8**11 - 1) * 10**9, None),
    ],
)
def test_times_are_exact_and_short(nanoseconds: int, record: bytes | None) -> None:
    written = header(Entry("/f", Kind.FILE, 0o644, 0, 0, 0, nanoseconds), {})
    assert len(written) == (3 * BLOCK if record else BLOCK)
    assert record is None or b" mtime=" + record + b"\n" in written


def test_an_ordinary_header_is_plain_ustar() -> None:
    (block,) = [header(Entry("/usr/bin/x", Kind.FILE, 0o4755, 1000, 100, 4096, 10**18), {})]
    assert len(block) == BLOCK
    assert block[257:265] == b"ustar\00000"
    assert not any(block[265:329]), "no names of users and groups"


def test_names_that_are_not_utf_8_are_raw_and_said_to_be() -> None:
    written = header(Entry("/\udcff", Kind.FILE, 0o644, 0, 0, 0, 0), {})
    assert b"21 hdrcharset=BINARY\n9 path=\xff\n" in written


class Holes:
    """Leaves out of a file what is zeros, so that 8 GB of them need no room."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        if data.count(0) == len(data):
            self._file.seek(len(data), io.SEEK_CUR)
        else:
            self._file.write(data)


def test_gnu_tar_lists_a_file_of_8_gb(tmp_path: Path) -> None:
    entry = Entry("/large", Kind.FILE, 0o644, 0, 0, EIGHT_GB + 1, 0)
    after = Entry("/last", Kind.FILE, 0o644, 0, 0, 0, 0)
    zeros = bytes(16 << 20)
    chunks = iter([zeros] * (EIGHT_GB // len(zeros)) + [b"\0"])
    with open(tmp_path / "layer.tar", "wb") as out:
        layer = write_layer([PackedEntry(entry, {}, chunks), PackedEntry(after, {}, iter(()))], Holes(out))
        out.truncate()
    assert layer.size == (tmp_path / "layer.tar").stat().st_size
    listed = subprocess.run(
        ["tar", "--list", "--verbose", "--file", tmp_path / "layer.tar"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [line.split()[2::3] for line in listed.stdout.splitlines()] == [
        [str(EIGHT_GB + 1), "large"],
        ["0", "last"],
    ]
