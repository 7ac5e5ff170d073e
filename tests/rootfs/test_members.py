"""Tars made by GNU tar in all its formats, and damaged ones."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.tars import END, Item, Pipe, blob, directory, header, padded, patched, tar
from tracewhale.errors import ImageContentError
from tracewhale.rootfs.blobs import BlobSource, StreamSource
from tracewhale.rootfs.members import Member, members


def read(data: bytes) -> list[Member]:
    return list(members(StreamSource(io.BytesIO(data).read)))


def contents(member: Member, data: bytes) -> bytes:
    """A member's file, put together from the tar by its extents."""
    whole = bytearray(member.size)
    for offset, at, length in member.extents:
        whole[offset : offset + length] = data[at : at + length]
    return bytes(whole)


def gnu_tar(at: Path, *options: str) -> bytes:
    command = ["tar", "--create", "--numeric-owner", "--directory", str(at), *options, "."]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "pax"])
def test_every_format_of_gnu_tar(tmp_path: Path, form: str) -> None:
    deep, name, target = {"v7": (10, 80, 99), "ustar": (90, 99, 99)}.get(form, (90, 250, 3000))
    (tmp_path / ("d" * deep)).mkdir()
    (tmp_path / ("d" * deep) / ("n" * name)).write_bytes(b"text" * 200)
    (tmp_path / "link").symlink_to("t" * target)
    os.link(tmp_path / "link", tmp_path / "other", follow_symlinks=False)
    data = gnu_tar(tmp_path, f"--format={form}", "--sort=name")
    with tarfile.open(fileobj=io.BytesIO(data)) as judge:
        expected = [
            (f"{info.name}/" if info.isdir() else info.name, info.mode, info.linkname, info.size)
            for info in judge
        ]
    found = read(data)
    assert [(m.name.decode(), m.mode, m.link.decode(), m.size) for m in found] == expected
    assert {m.type for m in found} >= {b"1", b"2", b"5"}
    (file,) = [member for member in found if member.size]
    assert contents(file, data) == b"text" * 200


@pytest.mark.parametrize(
    "options", [["--format=gnu"], *(["--format=pax", f"--sparse-version={v}"] for v in ("0.0", "0.1", "1.0"))]
)
@pytest.mark.parametrize("runs", [0, 1, 3, 200])
def test_every_sparse_format_of_gnu_tar(tmp_path: Path, options: list[str], runs: int) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        for run in range(runs):
            file.seek((2 * run + 1) << 16)
            file.write(b"%d" % run * 4096)
        file.truncate(((2 * runs + 1) << 16) + 5)
    (tmp_path / "zafter").write_bytes(b"after")
    data = gnu_tar(tmp_path, "--sparse", "--hole-detection=seek", "--sort=name", *options)
    by_name = {os.path.basename(member.name): member for member in read(data)}
    assert contents(by_name[b"sparse"], data) == (tmp_path / "sparse").read_bytes()
    assert contents(by_name[b"zafter"], data) == b"after"
    assert len(data) < (tmp_path / "sparse").stat().st_size, "it was stored as a sparse file"


def test_a_sparse_file_of_8_gb_that_is_stored_as_one(tmp_path: Path) -> None:
    with open(tmp_path / "sparse", "wb") as file:
        file.seek(8 << 30)
        file.write(b"end")
    data = gnu_tar(tmp_path, "--sparse", "--format=gnu")
    (member,) = [member for member in read(data) if member.type == b"S"]
    assert member.size == (8 << 30) + 3
    assert data[member.extents[-1][1] :].startswith(b"\0" * (member.extents[-1][2] - 3) + b"end")


def test_nanoseconds_and_attributes_of_gnu_tar(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    os.utime(tmp_path / "file", ns=(1, 1_234_567_890_123_456_789))
    os.setxattr(tmp_path / "file", "user.binary", bytes(range(256)))
    found = read(gnu_tar(tmp_path, "--format=pax", "--xattrs"))
    (member,) = [member for member in found if member.name == b"./file"]
    assert member.mtime_ns == 1_234_567_890_123_456_789
    assert member.xattrs[b"user.binary"] == bytes(range(256))


def test_signed_checksums_are_read() -> None:
    block = header(Item("name"))
    block = patched(block, 345, b"\xff\xfe")
    total = sum(block[:148]) + sum(block[156:]) + 8 * 32 - 2 * 256
    signed = block[:148] + b"%06o\0 " % total + block[156:]
    assert [member.name for member in read(signed + END)] == [b"\xff\xfe/name"]


def test_global_headers_are_skipped() -> None:
    comment = tarfile.TarInfo.create_pax_global_header({"path": "everywhere"})
    assert [member.name for member in read(comment + tar(Item("a"), Item("b")))] == [b"a", b"b"]


@pytest.mark.parametrize("data", [b"", b"\0" * 512, END, END + b"trailing, whatever it is" * 100])
def test_an_empty_tar(data: bytes) -> None:
    assert read(data) == []


def test_the_end_may_lack_its_zeros_and_its_padding() -> None:
    whole = tar(Item("a", b"contents"))
    assert len(read(whole[: -len(END)])) == 1
    assert len(read(header(Item("a", b"contents")) + b"contents")) == 1


def test_contents_may_be_read_on_the_way_or_not() -> None:
    data = tar(Item("a", b"first" * 1000), Item("b", b"second" * 1000), Item("c", b"third"))
    source = StreamSource(Pipe(data).read)
    found = {}
    for member in members(source):
        found[member.name] = source.read(3 if member.name == b"a" else member.size)
    assert found == {b"a": b"fir", b"b": b"second" * 1000, b"c": b"third"}


EXTENDED = header(Item("x", pax={"comment": "y" * 100}))


def pax(*records: bytes, size: int | None = None) -> bytes:
    """An extended header with these records, as they are."""
    body = b"".join(records)
    block = patched(EXTENDED[:512], 124, b"%011o\0" % (len(body) if size is None else size))
    return block + padded(body)


def sparse(kind: str, *lines: int) -> bytes:
    """A member with a sparse map of PAX format 1.0 whose numbers are these."""
    body = padded("".join(f"{line}\n" for line in lines).encode())
    name = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": kind}
    return header(Item("s", body + bytes(512), pax=name)) + body + bytes(512) + END


def number(field: bytes, at: int = 124) -> bytes:
    return patched(header(Item("n")), at, field) + END


MALFORMED = {
    "cut in a header": tar(Item("a"))[:100],
    "cut in contents": tar(Item("a", b"x" * 2000))[:1500],
    "cut in an extended header": EXTENDED[:600],
    "ends after an extended header": EXTENDED[:1024] + END,
    "a wrong checksum": tar(Item("a"))[:1] + b"!" + tar(Item("a"))[2:],
    "no checksum": tar(Item("a"))[:148] + b"zzzzzzzz" + tar(Item("a"))[156:],
    "text": b"this is no tar at all, but long enough for one\n" * 100,
    "zeros between headers": header(Item("a")) + bytes(512) + tar(Item("b")),
    "a negative size": number(b"\xff" * 12),
    "an enormous size": number(b"\x80" + b"\x7f" * 11),
    "a size in letters": number(b"size here\0\0\0"),
    "a negative owner": number(b"\xff" * 8, at=108),
    "an owner that means no change": number(b"\x80\0\0\0\xff\xff\xff\xff", at=108),
    "a time beyond time": number(b"\x80\x7f" + b"\xff" * 10, at=136),
    "an unknown type": tar(Item("a", type=b"Q")),
    "a multi-volume header": tar(Item("a", type=b"M")),
    "an extended header of 1 GB": pax(size=1 << 30) + END,
    "a record of length 0": pax(b"0 path=x\n") + END,
    "a record without a length": pax(b"path=x\n") + END,
    "a record that is too long": pax(b"999 path=x\n") + END,
    "a record without its newline": pax(b"9 path=x.") + END,
    "a record without a keyword": pax(b"5 =x\n") + END,
    "a record with NUL in its keyword": pax(b"27 SCHILY.xattr.user.a\0b=1\n") + header(Item("a")) + END,
    "a record with a huge length": pax(b"9" * 1000 + b" a=b\n") + END,
    "a PAX size that is none": pax(b"11 size=-1\n") + header(Item("a")) + END,
    "a PAX size beyond the end": pax(b"15 size=999999\n") + header(Item("a")) + END,
    "a PAX size of 30 digits": pax(b"38 size=" + b"9" * 30 + b"\n"[:1]) + header(Item("a")) + END,
    "a PAX time that is none": pax(b"14 mtime=soon\n") + header(Item("a")) + END,
    "a PAX owner that is none": pax(b"12 uid=root\n") + header(Item("a")) + END,
    "a sparse map out of order": sparse("2000", 2, 1000, 256, 0, 256),
    "a sparse map that overlaps": sparse("2000", 2, 0, 300, 100, 212),
    "a sparse map beyond its file": sparse("2000", 1, 1900, 512),
    "a sparse map shorter than its data": sparse("2000", 1, 0, 100),
    "a sparse map of a million runs": sparse("2000", 1_000_000, 0, 1),
    "a sparse map with a huge count": sparse("2000", 10**18, 0, 1),
    "a sparse map of letters": header(
        Item("s", b"one\n" + bytes(508), pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})
    )
    + b"one\n"
    + bytes(508)
    + END,
    "half a pair in a sparse map": tar(
        Item("s", b"x", pax={"GNU.sparse.map": "0,1,2", "GNU.sparse.size": "9"})
    ),
    "a sparse file of 2**63 bytes": sparse(str(2**63), 1, 0, 512),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(ImageContentError) as raised:
        read(data)
    assert raised.value.what.endswith(".")
    assert "\n" not in raised.value.what
    assert raised.value.hint
    with blob(data) as stored, pytest.raises(ImageContentError):
        list(members(BlobSource(stored)))


def test_the_malformed_ones_are_wrong_in_one_thing_only() -> None:
    assert read(pax(b"9 path=x\n") + header(Item("a")) + END)[0].name == b"x"
    assert read(sparse("2000", 2, 0, 256, 1000, 256))[0].size == 2000
    assert read(number(b"00000000000\0"))[0].size == 0


GOOD = tar(
    directory("d/"),
    Item("d/file", b"contents", pax={"SCHILY.xattr.user.a": "b", "mtime": "1.5"}),
    Item("d/" + "l" * 200, b"x" * 700),
)

mutations = st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=8)


def without_checksums(data: bytes) -> bytes:
    """Every block with a right checksum, so that mutations reach what is behind that check."""
    blocks = [data[at : at + 512] for at in range(0, len(data), 512)]
    return b"".join(patched(block, 0, b"") if block[257:262] == b"ustar" else block for block in blocks)


@given(mutations, st.integers(0, len(GOOD)), st.sampled_from([bytes, without_checksums]))
def test_damage_is_refused_or_harmless(
    changes: list[tuple[int, int]], cut: int, repair: Callable[[bytes], bytes]
) -> None:
    damaged = bytearray(GOOD[:cut])
    for at, value in changes:
        if at < cut:
            damaged[at] = value
    try:
        found = read(repair(bytes(damaged)))
    except ImageContentError:
        return
    assert all(at + length <= cut for member in found for _, at, length in member.extents)
