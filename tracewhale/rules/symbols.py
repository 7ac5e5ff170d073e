"""The symbols that ELF objects name in their dynamic string tables, for many objects at once."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from tracewhale.rootfs.tree import View

HEAD = 4096
MAX_DYNAMIC = 1 << 20
MAX_STRINGS = 32 << 20
BATCH = 32
"""Objects read at once; this limits the memory of their string tables."""

PT_LOAD, PT_DYNAMIC = 1, 2
DT_STRTAB, DT_STRSZ = 5, 10

_known: WeakKeyDictionary[View, dict[tuple[str, frozenset[str]], frozenset[str]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Layout:
    """The offset of a file's dynamic section, and the mappings of addresses to offsets: (address, offset,
    size)."""

    order: str
    wide: bool
    dynamic: tuple[int, int]
    loads: tuple[tuple[int, int, int], ...]


def symbol_names(view: View, objects: Iterable[str], symbols: frozenset[str]) -> Mapping[str, frozenset[str]]:
    """Return, by physical path, the ``symbols`` that an object's dynamic string table holds.

    If a linker merges tails, its table has ``exit`` only within ``pthread_exit``, so a longer name with the
    same end counts as well: rarely too much, never too little. A file that is not ELF names nothing.
    """
    known = _known.setdefault(view, {})
    paths = list(objects)
    new = [path for path in dict.fromkeys(paths) if (path, symbols) not in known]
    for start in range(0, len(new), BATCH):
        batch = new[start : start + BATCH]
        for path, table in zip(batch, _string_tables(view, batch), strict=True):
            known[path, symbols] = frozenset(s for s in symbols if s.encode() + b"\0" in table)
    return {path: known[path, symbols] for path in paths}


def _string_tables(view: View, paths: list[str]) -> list[bytes]:
    """Return the dynamic string table of each file, empty without one, in three exchanges for all."""
    heads = view.tree.read([(path, 0, HEAD) for path in paths])
    layouts = {
        path: layout for path, head in zip(paths, heads, strict=True) if (layout := _layout(head or b""))
    }
    sections = view.tree.read([(path, *layout.dynamic) for path, layout in layouts.items()])
    ranges = {
        path: strings
        for (path, layout), section in zip(layouts.items(), sections, strict=True)
        if (strings := _strings(layout, section or b""))
    }
    tables = view.tree.read([(path, *where) for path, where in ranges.items()])
    by_path = dict(zip(ranges, tables, strict=True))
    return [by_path.get(path) or b"" for path in paths]


def _layout(head: bytes) -> _Layout | None:
    """Return program headers (elf(5)) if they are in the first page, where every linker puts them."""
    if head[:4] != b"\x7fELF" or len(head) < 64 or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    start, *_ = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
    if size != (56 if wide else 32) or start + size * count > len(head):
        return None
    dynamic: tuple[int, int] | None = None
    loads: list[tuple[int, int, int]] = []
    for at in range(start, start + size * count, size):
        if wide:
            kind, _, offset, address, _, length = struct.unpack_from(order + "IIQQQQ", head, at)
        else:
            kind, offset, address, _, length = struct.unpack_from(order + "IIIII", head, at)
        if kind == PT_DYNAMIC and length <= MAX_DYNAMIC:
            dynamic = (offset, length)
        elif kind == PT_LOAD:
            loads.append((address, offset, length))
    return _Layout(order, wide, dynamic, tuple(loads)) if dynamic else None


def _strings(layout: _Layout, section: bytes) -> tuple[int, int] | None:
    """Return the offset and size of DT_STRTAB in the file."""
    entry = struct.Struct(layout.order + ("QQ" if layout.wide else "II"))
    tags = dict(entry.iter_unpack(section[: len(section) - len(section) % entry.size]))
    address, size = tags.get(DT_STRTAB, 0), min(tags.get(DT_STRSZ, 0), MAX_STRINGS)
    for start, offset, length in layout.loads:
        if size and start <= address < start + length and offset < 1 << 62:
            return offset + address - start, size
    return None
