"""The sum of layers, written as text: names, whiteouts, and links that would lead out of the root."""

from __future__ import annotations

import io

import pytest

from tests.image.tars import Item, directory, hard_link, symlink, tar
from tracewhale.errors import ImageContentError
from tracewhale.rootfs import overlay as module
from tracewhale.rootfs.blobs import StreamSource
from tracewhale.rootfs.members import members
from tracewhale.rootfs.overlay import Inode, Overlay
from tracewhale.rootfs.tree import Kind


def overlay(*layers: list[Item]) -> Overlay:
    made = Overlay(1 << 20)
    for items in layers:
        made.apply(members(StreamSource(io.BytesIO(tar(*items)).read)))
    made.count_links()
    return made


def as_text(*layers: list[Item]) -> str:
    """Every path but the root, with the number of the layer that it is of."""
    lines = []
    for path, inode in sorted(overlay(*layers).paths(), key=lambda found: found[0]):
        if path != "/":
            lines.append(f"{path} {describe(inode)}")
    return "\n".join(lines)


def describe(inode: Inode) -> str:
    end = {Kind.DIRECTORY: "dir", Kind.SYMLINK: f"-> {inode.target}"}.get(inode.kind, str(inode.size))
    return f"{inode.layer} {end}"


def text(expected: str) -> str:
    return "\n".join(line.strip() for line in expected.strip().splitlines())


def file(name: str, size: int = 0) -> Item:
    return Item(name, b"x" * size)


def test_later_layers_replace_earlier_ones() -> None:
    assert as_text(
        [directory("d/"), file("d/a", 1), file("d/b", 2), symlink("l", "d")],
        [file("d/b", 3), file("l", 4)],
        [directory("d/", 0o700)],
    ) == text("""
        /d 2 dir
        /d/a 0 1
        /d/b 1 3
        /l 1 4
    """)


def test_a_directory_in_the_place_of_a_file_and_a_file_in_that_of_a_directory() -> None:
    assert as_text(
        [file("a", 1), directory("b/"), file("b/below", 1), symlink("c", "b")],
        [directory("a/"), file("a/x", 1), file("b", 2), directory("c/")],
    ) == text("""
        /a 1 dir
        /a/x 1 1
        /b 1 2
        /c 1 dir
    """)


def test_whiteouts_delete_what_is_below_and_not_what_is_beside() -> None:
    assert as_text(
        [file("d/a", 1), file("d/b", 1), file("e/f/g", 1), file("h", 1)],
        [file("d/.wh.a"), file(".wh.e"), file(".wh.none"), file("none/.wh.none"), file("h/.wh.none")],
    ) == text("""
        /d 0 dir
        /d/b 0 1
        /h 0 1
    """)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_whiteout_spares_its_own_layer_wherever_it_stands(turn: int) -> None:
    upper = [file(".wh.d"), directory("d/"), file("d/new", 2)]
    assert as_text([file("d/old", 1)], upper[::turn] if turn > 0 else [*upper[1:], upper[0]]) == text("""
        /d 1 dir
        /d/new 1 2
    """)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (1, 0, 2)])
def test_an_opaque_directory_hides_what_lower_layers_have_in_it(order: tuple[int, ...]) -> None:
    upper = [file("d/.wh..wh..opq"), directory("d/"), file("d/new", 2)]
    lower = [file("d/old", 1), file("d/e/f", 1), file("g", 1)]
    assert as_text(lower, [upper[at] for at in order]) == text("""
        /d 1 dir
        /d/new 1 2
        /g 0 1
    """)


def test_an_opaque_root() -> None:
    assert as_text([file("a", 1)], [file(".wh..wh..opq"), file("b", 1)]) == "/b 1 1"


def test_an_opaque_directory_in_the_place_of_a_link_spares_what_the_link_led_to() -> None:
    """Return what Docker's overlay2 writes after ``rm /lib && mkdir /lib``."""
    assert as_text(
        [file("usr/lib/libc.so", 1), symlink("lib", "usr/lib")],
        [directory("lib/"), file("lib/.wh..wh..opq"), file("lib/.wh.libc.so"), file("lib/x", 1)],
    ) == text("""
        /lib 1 dir
        /lib/x 1 1
        /usr 0 dir
        /usr/lib 0 dir
        /usr/lib/libc.so 0 1
    """)


def test_files_of_aufs_are_not_of_the_image() -> None:
    aufs = [directory(".wh..wh.plnk/"), file(".wh..wh.plnk/8.1234", 1), file(".wh..wh.aufs"), file("a", 1)]
    assert as_text(aufs) == "/a 0 1"


def test_names_are_taken_from_the_root_however_they_are_written() -> None:
    assert as_text([directory("./"), file("./a", 1), file("/b", 1), file("//c//./d", 1)]) == text("""
        /a 0 1
        /b 0 1
        /c 0 dir
        /c/d 0 1
    """)


def test_the_root_itself_has_metadata() -> None:
    assert overlay([directory("./", 0o1755)]).root.mode == 0o1755


def test_hard_links_across_layers() -> None:
    made = overlay(
        [file("a", 5), hard_link("b", "a"), symlink("s", "a"), hard_link("t", "s")],
        [hard_link("c", "./b"), hard_link("d", "/a")],
        [file("a", 1)],
    )
    b, c, d, a = (made.find([name]) for name in "bcda")
    assert b is c is d
    assert (b and b.nlink, a and a.nlink) == (3, 1)
    assert made.find(["s"]) is made.find(["t"])


def test_a_name_through_a_link_lands_where_the_link_leads_inside() -> None:
    assert as_text(
        [
            directory("usr/lib/"),
            symlink("lib", "usr/lib"),
            symlink("abs", "/usr"),
            symlink("up", "../../../usr"),
        ],
        [file("lib/a", 1), file("abs/lib/b", 1), file("up/lib/c", 1)],
    ) == text("""
        /abs 0 -> /usr
        /lib 0 -> usr/lib
        /up 0 -> ../../../usr
        /usr 0 dir
        /usr/lib 0 dir
        /usr/lib/a 1 1
        /usr/lib/b 1 1
        /usr/lib/c 1 1
    """)


def test_a_link_that_leads_out_leads_to_the_same_names_inside() -> None:
    """The classic: a link to /etc, then a file through it."""
    assert as_text(
        [symlink("evil", "/etc/cron.d"), file("evil/job", 1), symlink("up", "../.."), file("up/x", 1)]
    ) == text(
        """
        /etc 0 dir
        /etc/cron.d 0 dir
        /etc/cron.d/job 0 1
        /evil 0 -> /etc/cron.d
        /up 0 -> ../..
        /x 0 1
    """
    )


REFUSED = {
    "a name with ..": [file("../etc/passwd", 1)],
    "an absolute name with ..": [file("/../../etc/passwd", 1)],
    "a name with .. in the middle": [file("a/../b", 1)],
    "a hard link out of the root": [hard_link("a", "../../etc/shadow")],
    "a hard link to an absolute path that is not in it": [hard_link("a", "/etc/shadow")],
    "a hard link to a file that comes later": [hard_link("a", "b"), file("b", 1)],
    "a hard link to a directory": [directory("d/"), hard_link("a", "d")],
    "a hard link to the root": [hard_link("a", "/")],
    "a hard link to itself": [hard_link("a", "a")],
    "a hard link to what it deletes": [file(".wh.b"), hard_link("a", "b")],
    "a whiteout of ..": [file("d/.wh...")],
    "a whiteout of .": [file("d/.wh..")],
    "a whiteout of nothing": [file("d/.wh.")],
    "a whiteout with something below": [file(".wh.d/x", 1)],
    "a whiteout below a whiteout": [file(".wh.d/.wh.x")],
    "a file below a file": [file("a", 1), file("a/b", 1)],
    "a file through a loop of links": [symlink("a", "b"), symlink("b", "a"), file("a/x", 1)],
    "a file through a link to a file": [file("f", 1), symlink("l", "f"), file("l/x", 1)],
    "a link to nowhere at all": [symlink("l", "")],
    "a link longer than PATH_MAX": [symlink("l", "x" * 4096)],
    "a name longer than NAME_MAX": [file("n" * 256, 1)],
    "a name of 100 KB": [file("d/" * 50_000 + "f", 1)],
    "a root that is no directory": [symlink("./", "/etc")],
    "a root that is a file": [file("./", 1)],
}


@pytest.mark.parametrize("items", REFUSED.values(), ids=REFUSED.keys())
def test_what_contradicts_itself_or_leads_out_is_refused(items: list[Item]) -> None:
    with pytest.raises(ImageContentError) as raised:
        overlay(items)
    assert raised.value.what.startswith("A layer ")
    assert raised.value.what.endswith(".")
    assert raised.value.hint


@pytest.mark.parametrize("device", [b"3", b"4"])
def test_a_device_is_a_name_and_nothing_more(device: bytes) -> None:
    made = overlay([Item("dev/sda", type=device, device=(8, 0), mode=0o666)])
    inode = made.find(["dev", "sda"])
    assert inode is not None
    assert inode.rdev == (8, 0)


def test_control_characters_do_not_reach_the_terminal() -> None:
    with pytest.raises(ImageContentError) as raised:
        overlay([file("../\x1b[2J\nfake line", 1)])
    assert raised.value.what.isprintable()


def test_too_many_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRY_LIMIT", 100)
    assert len(as_text([file(f"f{number}") for number in range(99)]).splitlines()) == 99
    for items in (
        [file(f"f{number}") for number in range(101)],
        [file("/".join(f"d{number}" for number in range(101)))],
        [file(f".wh.{number}") for number in range(101)],
    ):
        with pytest.raises(ImageContentError, match="more names than any image could need"):
            overlay(items)


def test_sizes_that_are_only_claimed_count() -> None:
    def sparse(size: int) -> list[Item]:
        return [Item("s", b"x", pax={"GNU.sparse.map": "0,1", "GNU.sparse.size": str(size)})]

    assert as_text(sparse(1 << 20)) == f"/s 0 {1 << 20}"
    with pytest.raises(ImageContentError, match="larger together"):
        overlay(sparse(1 << 20), [file("x", 1)])
    with pytest.raises(ImageContentError, match="larger together"):
        overlay(sparse(1 << 62))


def test_what_is_below_the_last_directory_is_not_walked_to_from_the_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a deep tree would cost the square of its depth."""
    monkeypatch.setattr(module, "WALK_LIMIT", 1_000)
    deep = [directory("d/" * depth) for depth in range(1, 500)]
    assert sum(1 for _ in overlay(deep).paths()) == 500


def test_a_directory_that_is_replaced_is_walked_to_again() -> None:
    items = [file("a/b/c"), directory("e/"), symlink("a", "e"), file("a/b/d")]
    assert as_text(items).split("\n")[-1].startswith("/e/b/d")


def test_a_maze_of_links_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WALK_LIMIT", 10_000)
    maze = [symlink("l0", "d/../" * 800), directory("d/")]
    maze += [symlink(f"l{number}", f"l{number - 1}") for number in range(1, 20)]
    with pytest.raises(ImageContentError):
        overlay([*maze, *(file(f"l{18 + number % 2}/f{number}") for number in range(20))])


def test_metadata_that_fills_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "METADATA_LIMIT", 10_000)
    runs = ",".join(f"{2 * number},1" for number in range(100))
    for item in (
        Item("f", b"x", pax={"SCHILY.xattr.user.a": "v" * 6_000}),
        Item("/".join(["d"] * 3_000), b"x"),
        symlink("l", "t" * 4_000),
        Item("f", b"x" * 100, pax={"GNU.sparse.map": runs, "GNU.sparse.size": "200"}),
    ):
        overlay([item])
        with pytest.raises(ImageContentError, match="more names than any image could need"):
            overlay([item, item], [item])


def test_links_make_no_path_that_is_longer_than_a_name_could_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATH_LIMIT", 1_000)
    deep = [file("/".join(["d"] * 400 + ["f"])), symlink("l", "d/" * 400)]
    overlay(deep)
    with pytest.raises(ImageContentError, match="impossibly long"):
        overlay([*deep, file("/".join(["l"] + ["d"] * 400 + ["f"]))])


def test_paths_that_are_too_long_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATHS_LIMIT", 100_000)
    deep = [directory("/".join(["d"] * 200)), symlink("l", "d/" * 200)]
    overlay([*deep, *(file(f"l/{number}") for number in range(50))])
    with pytest.raises(ImageContentError, match="impossibly long"):
        overlay([*deep, *(file(f"l/{number}") for number in range(500))])
