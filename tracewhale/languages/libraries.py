"""Libraries that a script opens by name through a foreign function interface: ``CDLL("libmagic.so.1")``.

The languages differ in the interface (ctypes, cffi, Fiddle, FFI, ``FFI::cdef``, ffi-napi, FFI::Platypus),
but the name is a literal in all of them: a file name, or a name for the linker (``find_library("magic")``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracewhale.languages.files import Files
from tracewhale.languages.model import LIBRARY, Mention, mentions_at
from tracewhale.rootfs.tree import join

INTERFACES = (b"ctypes", b"cffi", b"dlopen", b"iddle", b"ffi_lib", b"FFI", b"ffi-napi", b"koffi")
"""Words of which a text has one if it opens libraries."""

FILE_NAME = re.compile(rb"""(?<=["'/])(lib[A-Za-z][\w.+-]{0,60}\.so(?:\.\d+){0,3})(?=["'])""")
CALL = re.compile(
    rb"""\b(?:find_library|dlopen|ffi_lib|LoadLibrary|load_library)\b(?:\s*\(\s*|\s+)(?:\w+,\s*)?(?:\[\s*)?
    (?P<quote>["'])(?:lib)?(?P<name>[\w+-][\w.+-]{0,60})(?P=quote)""",
    re.VERBOSE,
)
"""A call with a name from which the file name follows."""

DIRECTORIES = ("/usr/local/lib", "/lib64", "/usr/lib64", "/lib", "/usr/lib")
"""The directories of libraries in every system (ld.so(8)), without those of one architecture below them."""

NAMES = 50
"""The most libraries of one text."""


def mentions(content: bytes) -> Iterator[Mention]:
    """Yield the file names of libraries, without a version where the text has none."""
    if not any(word in content for word in INTERFACES):
        return
    names: dict[str, int] = {}
    for match in FILE_NAME.finditer(content):
        names.setdefault(match[1].decode("ascii", "replace"), match.start())
    for match in CALL.finditer(content):
        if b".so" not in match["name"]:
            names.setdefault(f"lib{match['name'].decode('ascii', 'replace')}.so", match.start())
    yield from mentions_at(content, names, LIBRARY, NAMES)


class SharedLibraries:
    """The system's libraries by name."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._places: tuple[str, ...] = ()
        self._paths: dict[str, str | None] = {}

    def find(self, name: str) -> str | None:
        """Return the path of a library, or of the first version of one without a version."""
        if name not in self._paths:
            self._paths[name] = self._find(name)
        return self._paths[name]

    def _find(self, name: str) -> str | None:
        if not self._places:
            multiarch = [name for name in self._files.listing("/usr/lib") if "-linux-" in name]
            self._places = (*DIRECTORIES, *(f"/usr/lib/{name}" for name in sorted(multiarch)))
        for place in self._places:
            listing = self._files.listing(place)
            if name in listing:
                return join(place, name)
            versions = sorted(other for other in listing if other.startswith(f"{name}."))
            if name.endswith(".so") and versions:
                return join(place, versions[0])
        return None
