"""The image file of a JVM: read, and written with fewer resources, as the JVM's own look-up finds them."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.java.images import image, lookup
from tracewhale.java.jimage import COMPRESSED_MAGIC, JImage, UnknownImage

FILES = {
    "/java.base/java/lang/Object.class": b"object" * 50,
    "/java.base/module-info.class": b"info",
    "/java.desktop/java/awt/Window.class": b"window" * 1000,
    "/java.desktop/module-info.class": b"desktop",
    "/java.xml/com/sun/rules.properties": b"a=b",
}


def test_every_resource_is_read() -> None:
    parsed = JImage(image(FILES))
    files = {each.name: parsed.content(each) for each in parsed.resources if each.is_file}
    assert files == FILES
    assert {each.module for each in parsed.resources if not each.is_file} == {"modules"}


def test_dropping_nothing_changes_nothing() -> None:
    data = image(FILES)
    assert JImage(data).without(lambda resource: False) == data


def test_the_jvm_finds_the_same_bytes_and_not_what_is_dropped() -> None:
    data = JImage(image(FILES)).without(lambda resource: resource.name.startswith("/java.desktop/java"))
    for name, content in FILES.items():
        assert lookup(data, name) == (None if name == "/java.desktop/java/awt/Window.class" else content)
    assert len(data) < len(image(FILES)) - 6000


def test_a_directory_loses_the_children_that_are_dropped() -> None:
    data = image(FILES)
    before = lookup(data, "/modules/java.desktop")
    after = lookup(JImage(data).without(lambda resource: "awt" in resource.name), "/modules/java.desktop")
    assert before is not None
    assert after is not None
    assert (len(before), len(after)) == (8, 4)
    assert set(struct.iter_unpack("<I", after)) < set(struct.iter_unpack("<I", before))


def compressed(data: bytes, name_offset: int) -> bytes:
    body = zlib.compress(data)
    return struct.pack("<IQQIIB", COMPRESSED_MAGIC, len(body), len(data), name_offset, 0, 1) + body


def test_compressed_resources_keep_their_bytes() -> None:
    # The name of the compressor is a string of the index: that of the resource's own base serves.
    name = "/java.base/zip"
    data = b"0123456789" * 100
    offset = len(b"\0java.base\0")
    files = {name: data, **FILES}
    whole = image(files, {name: compressed(data, offset)})
    parsed = JImage(whole)
    resource = next(each for each in parsed.resources if each.name == name)
    assert parsed.content(resource) == data
    smaller = parsed.without(lambda each: each.module == "java.desktop")
    assert lookup(smaller, name) == lookup(whole, name)


def test_another_compression_is_unknown() -> None:
    name = "/java.base/compact-cp"
    parsed = JImage(image({name: b"abc"}, {name: compressed(b"abc", len(b"\0java.base\0"))}))
    with pytest.raises(UnknownImage, match="compact-cp"):
        parsed.content(parsed.resources[0] if parsed.resources[0].is_file else parsed.resources[1])


@pytest.mark.parametrize(
    "data", [b"", b"\xda\xda\xfe\xca", b"PK\3\4" * 20, image(FILES)[:200], b"\xff" * 100]
)
def test_another_file_is_unknown(data: bytes) -> None:
    with pytest.raises(UnknownImage):
        JImage(data)


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 600))
def test_a_damaged_file_is_unknown_or_read(noise: bytes, place: int) -> None:
    data = bytearray(image(FILES))
    data[place : place + len(noise)] = noise
    try:
        parsed = JImage(bytes(data))
        for resource in parsed.resources:
            parsed.content(resource)
        parsed.left_out()
        parsed.without(lambda resource: "awt" in resource.name)
    except UnknownImage:
        return


def test_what_was_taken_away_is_still_known_by_name() -> None:
    whole = JImage(image(FILES))
    assert whole.left_out() == ()
    smaller = JImage(whole.without(lambda resource: resource.name in list(FILES)[:1]))
    assert smaller.left_out() == tuple(list(FILES)[:1])


def test_resources_that_overlap_are_unknown() -> None:
    """Two resources that claim the bytes behind them move the third to a place that its attributes cannot
    hold."""
    data = image({f"/m/{name}": bytes(5) for name in ("one", "two", "three")} | {"/m/rest": bytes(900)})
    size, larger = b"\x38\x05\0", b"\x38\xfa\0"
    with pytest.raises(UnknownImage, match="overlap"):
        JImage(data.replace(size, larger, 2)).without(lambda resource: False)
