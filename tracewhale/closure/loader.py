"""The dynamic loader that a program names, and the values compiled into that file.

A loader's search directories, ``$LIB``, the path of its cache and its version differ between distributions;
they are strings in its read-only data and are taken from there.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from tracewhale.closure.model import Elf

EM_386, EM_ARM, EM_X86_64, EM_AARCH64, EM_RISCV = 3, 40, 62, 183, 243
PLATFORMS = {EM_386: "i686", EM_ARM: "v7l", EM_X86_64: "x86_64", EM_AARCH64: "aarch64"}
"""Linux's values of AT_PLATFORM (arch/*/include/asm/elf.h)."""

KNOWN: dict[tuple[int, int], tuple[str, ...]] = {
    (EM_X86_64, 64): ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"),
    (EM_X86_64, 32): ("/libx32/ld-linux-x32.so.2", "/lib/ld-musl-x32.so.1"),
    (EM_386, 32): ("/lib/ld-linux.so.2", "/lib/ld-musl-i386.so.1"),
    (EM_AARCH64, 64): ("/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-aarch64.so.1"),
    (EM_ARM, 32): ("/lib/ld-linux-armhf.so.3", "/lib/ld-linux.so.3", "/lib/ld-musl-armhf.so.1"),
    (22, 64): ("/lib/ld64.so.1", "/lib/ld-musl-s390x.so.1"),
    (21, 64): ("/lib64/ld64.so.2", "/lib/ld-musl-powerpc64le.so.1"),
    (EM_RISCV, 64): ("/lib/ld-linux-riscv64-lp64d.so.1", "/lib/ld-musl-riscv64.so.1"),
}
"""The usual interpreters by machine and class, for a library that names none (ldd's RTLDLIST)."""

CACHE_FLAGS: dict[tuple[int, int], int] = {
    (EM_X86_64, 64): 0x0303,
    (EM_X86_64, 32): 0x0803,
    (EM_386, 32): 0x0003,
    (EM_AARCH64, 64): 0x0A03,
    (EM_ARM, 32): 0x0903,
    (22, 64): 0x0403,
    (21, 64): 0x0503,
    (EM_RISCV, 64): 0x1003,
}
"""Flags of a cache entry by machine and class (sysdeps/generic/ldconfig.h)."""

PATH_MAX = 4096
MAX_CANDIDATES = 1024
"""The most places in a loader's data that are searched for its directories, and directories taken from
one."""

MUSL_RESERVED = ("c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet.")
"""The names, after ``lib``, of libraries that are part of musl itself (ldso/dynlink.c, load_library)."""


@dataclass(frozen=True, slots=True)
class Loader:
    """A dynamic loader.

    ``path`` is as the program names it, ``physical`` its physical path. ``directories`` are searched last,
    each ending in a slash for glibc. ``lib`` is ``$LIB``. ``conf`` is the cache of glibc, or the path file of
    musl. ``version`` is glibc's, ``banner`` the line with which glibc 2.33 and later name it.
    """

    family: Literal["glibc", "musl"]
    path: str
    physical: str
    elf: Elf
    directories: tuple[str, ...]
    lib: str = "lib"
    conf: str = "/etc/ld.so.cache"
    version: tuple[int, int] = (2, 36)
    banner: str = ""

    @property
    def platform(self) -> str:
        return PLATFORMS.get(self.elf.machine, "")

    @property
    def cache_flags(self) -> frozenset[int]:
        own = CACHE_FLAGS.get((self.elf.machine, self.elf.bits), 3)
        return frozenset((own, 1)) if own == 3 else frozenset((own,))


def identify(path: str, physical: str, elf: Elf, data: bytes) -> Loader:
    """Identify a loader by its name and contents (``data``, the whole file)."""
    if "musl" in path or (elf.soname or "").startswith("libc.") or b"/etc/ld-musl-" in data:
        return _musl(path, physical, elf, data)
    directories = _system_directories(data) or _usual(elf)
    banner = re.search(rb"\0(ld\.so \([^\0\n]{1,200}release version [\d.]+\d)", data)
    cache = re.search(rb"\0(/[^\0]{0,4000}/ld\.so\.cache)\0", data)
    return Loader(
        "glibc",
        path,
        physical,
        elf,
        directories,
        lib=_lib(directories[0], data),
        conf=os.fsdecode(cache[1]) if cache else "/etc/ld.so.cache",
        banner=os.fsdecode(banner[1]) if banner else "",
        version=_version(physical, data),
    )


def _version(physical: str, data: bytes) -> tuple[int, int]:
    """Return glibc's version, from the banner of loaders since 2.33, else from Debian's file name."""
    said = re.search(rb"release version (\d+)\.(\d+)", data)
    match = re.search(r"/ld-(\d+)\.(\d+)[^/]*\.so$", physical)
    if said or match:
        major, minor = (said or match).groups()  # type: ignore[union-attr]
        return int(major), int(minor)
    return (2, 36) if b"glibc-hwcaps" in data else (2, 31)


def _musl(path: str, physical: str, elf: Elf, data: bytes) -> Loader:
    prefix = "/".join(path.split("/")[:-2])
    conf = re.search(rb"\0(?:%\.\*s)?(/etc/ld-musl-[^\0/]+\.path)\0", data)
    name = os.fsdecode(conf[1]) if conf else f"/etc/{os.path.basename(path).removesuffix('.so.1')}.path"
    paths = re.findall(rb"\0((?:/[^\0:/]+)+(?::(?:/[^\0:/]+)+)+)(?=\0)", data)
    usual = [p for p in paths if all(b"lib" in d for d in p.split(b":"))]
    default = os.fsdecode(usual[0]) if usual else "/lib:/usr/local/lib:/usr/lib"
    return Loader("musl", path, physical, elf, tuple(default.split(":")), conf=prefix + name)


def _system_directories(data: bytes) -> tuple[str, ...]:
    """Return the trusted directories: glibc has them as one array of strings that end in a slash."""
    for match in islice(re.finditer(rb"/\0/", data), MAX_CANDIDATES):
        before = data.rfind(b"\0", max(0, match.start() - PATH_MAX), match.start()) + 1
        result = [data[data.find(b"/", before) : match.start() + 1]]
        at = match.start() + 2
        while data[at : at + 1] == b"/" and len(result) < MAX_CANDIDATES:
            end = data.find(b"\0", at, at + PATH_MAX)
            if end < 0 or data[end - 1 : end] != b"/":
                break
            result.append(data[at:end])
            at = end + 1
        if len(result) > 1 and all(b"lib" in directory for directory in result):
            return tuple(map(os.fsdecode, result))
    return ()


def _usual(elf: Elf) -> tuple[str, ...]:
    wide = elf.bits == 64 and elf.machine != EM_AARCH64
    return ("/lib64/", "/usr/lib64/") if wide else ("/lib/", "/usr/lib/")


def _lib(directory: str, data: bytes) -> str:
    """Return ``$LIB``: Debian's contains the multiarch directory, upstream's is the last component."""
    inside = directory.strip("/").removeprefix("usr/")
    last = os.path.basename(directory.strip("/"))
    return inside if os.fsencode(f"\0{inside}\0") in data else last
