"""Files of the new image that the original lacks, or has with more contents.

A generated path is planned like any other path, with its bytes and its reasons. Its times are the original's,
so that the same original gives the same image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from tracewhale.closure.ldcache import parse, rewritten
from tracewhale.packages import GeneratedFile
from tracewhale.plan.model import PlannedPath
from tracewhale.plan.reasons import Reason, Why
from tracewhale.rootfs.tree import Entry, Kind, View, parent

LOADER_CACHE = "/etc/ld.so.cache"
CACHE_LIMIT = 32 << 20
"""The most bytes of an ``ld.so.cache`` that is rewritten: a hundred times a usual one."""
LICENCE = "licence"
LICENCE_LIMIT = 1 << 20
"""The most bytes of a licence that is compared with others."""
SECOND = 1_000_000_000


def generate(
    view: View,
    kept: Mapping[str, PlannedPath],
    files: Iterable[GeneratedFile],
    *,
    is_allowed: Callable[[str], bool] = lambda path: True,
    epoch: int | None = None,
    shorten: bool = True,
) -> dict[str, PlannedPath]:
    """Return the generated files of a plan by path, with their directories that are not kept otherwise.

    ``is_allowed`` says whether a path may be in the image; others are left out. ``epoch`` is
    SOURCE_DATE_EPOCH in seconds, which replaces all times if it is given; ``shorten`` removes entries of
    files that are not kept from ``ld.so.cache``.
    """
    generated: dict[str, PlannedPath] = {}
    for file in files:
        if is_allowed(file.path) and has_place(view, file.path):
            reason = Reason(Why.PACKAGE.value, file.whom, file.what)
            generated[file.path] = _file(file.path, file.content, file.mtime_ns, reason, epoch)
    generated |= share_licences(view, kept)
    if shorten and LOADER_CACHE in kept:
        generated |= loader_cache(view, kept, epoch)
    for path in sorted(generated):
        generated |= _parents(view, kept, generated, path)
    return generated


def added(
    view: View, kept: Mapping[str, PlannedPath], path: str, reason: Reason, content: bytes, mtime_ns: int
) -> dict[str, PlannedPath]:
    """Return one more generated file, with its directories that are not kept otherwise."""
    generated = {path: _file(path, content, mtime_ns, reason, None)}
    return generated | _parents(view, kept, generated, path)


def has_place(view: View, path: str) -> bool:
    """Return whether a file can be made at a path: everything above it is a directory, or does not
    exist yet."""
    above = path
    while (above := parent(above)) != "/":
        entry = view.lstat(above)
        if entry is not None and entry.kind is not Kind.DIRECTORY:
            return False
    entry = view.lstat(path)
    return entry is None or entry.kind is not Kind.DIRECTORY


def loader_cache(view: View, kept: Mapping[str, PlannedPath], epoch: int | None) -> dict[str, PlannedPath]:
    """Return ``ld.so.cache`` with the entries of kept libraries: others would mislead the loader and users of
    ``ldconfig -p``."""
    original = kept[LOADER_CACHE]
    if original.entry.kind is not Kind.FILE or original.entry.size > CACHE_LIMIT:
        return {}

    def exists(path: str) -> bool:
        lookup = view.resolve(path)
        return lookup.entry is not None and all(step in kept for step in (*lookup.steps, lookup.entry.path))

    data = view.tree.read([(LOADER_CACHE, 0, original.entry.size)])[0] or b""
    content = rewritten(data, exists) if parse(data).entries else data
    if content == data:
        return {}
    reason = Reason(Why.GENERATED.value, "ld.so.cache", "without what is not kept")
    again = _file(LOADER_CACHE, content, original.entry.mtime_ns, reason, epoch)
    entry = replace(again.entry, mode=original.entry.mode, uid=original.entry.uid, gid=original.entry.gid)
    return {LOADER_CACHE: PlannedPath(entry, (*original.reasons, reason), content)}


def share_licences(view: View, kept: Mapping[str, PlannedPath]) -> dict[str, PlannedPath]:
    """Return licences with equal contents and metadata as one file with several names (hard links).

    Packages made from one source have equal licences; a file that the program itself requested stays as it
    was.
    """
    alike: dict[tuple[int, ...], list[str]] = {}
    for path, planned in sorted(kept.items()):
        e = planned.entry
        licence = all(
            reason.why == Why.PACKAGE.value and reason.detail == LICENCE for reason in planned.reasons
        )
        if licence and e.kind is Kind.FILE and e.nlink == 1 and 0 < e.size <= LICENCE_LIMIT:
            alike.setdefault((e.size, e.mtime_ns, e.mode, e.uid, e.gid), []).append(path)
    paths = [path for copies in alike.values() if len(copies) > 1 for path in copies]
    contents = view.tree.read([(path, 0, kept[path].entry.size) for path in paths]) if paths else []
    same: dict[tuple[int, bytes], list[str]] = {}
    for path, content in zip(paths, contents, strict=True):
        if content is not None:
            same.setdefault((kept[path].entry.mtime_ns, content), []).append(path)
    return {
        path: replace(kept[path], entry=_linked(kept[path].entry, kept[names[0]].entry, len(names)))
        for names in same.values()
        if len(names) > 1
        for path in names
    }


def _linked(entry: Entry, first: Entry, names: int) -> Entry:
    return replace(entry, device=first.device, inode=first.inode, nlink=names)


def _file(path: str, content: bytes, mtime_ns: int, reason: Reason, epoch: int | None) -> PlannedPath:
    entry = Entry(path, Kind.FILE, 0o644, 0, 0, len(content), _time(mtime_ns, epoch))
    return PlannedPath(entry, (reason,), content)


def _parents(
    view: View, kept: Mapping[str, PlannedPath], files: Mapping[str, PlannedPath], path: str
) -> dict[str, PlannedPath]:
    """Return the directories above a generated file: the original's, or new ones of its time."""
    parents: dict[str, PlannedPath] = {}
    mtime_ns = files[path].entry.mtime_ns
    above = path
    while (above := parent(above)) not in kept and above not in files:
        reason = Reason(Why.PARENT.value, path)
        entry = view.lstat(above)
        if entry is None:
            parents[above] = PlannedPath(
                Entry(above, Kind.DIRECTORY, 0o755, 0, 0, 0, mtime_ns), (reason,), b""
            )
        else:
            parents[above] = PlannedPath(entry, (reason,))
    return parents


def _time(mtime_ns: int, epoch: int | None) -> int:
    return mtime_ns if epoch is None else epoch * SECOND
