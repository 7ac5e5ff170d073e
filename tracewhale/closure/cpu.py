"""The features of a CPU by which glibc's loader prefers one build of a library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

LEVELS = (
    ("x86-64-v2", "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3"),
    ("x86-64-v3", "avx avx2 bmi1 bmi2 f16c fma abm movbe"),
    ("x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl"),
)
"""The levels of the x86-64 psABI, with the names of their features in Linux's /proc/cpuinfo."""

HWCAPS_VERSION, LEGACY_GONE = (2, 33), (2, 37)
"""The versions of glibc that introduced ``glibc-hwcaps``, and that dropped the older capabilities."""

HASWELL = frozenset("avx2 bmi1 bmi2 abm movbe popcnt fma".split())


@dataclass(frozen=True, slots=True)
class Cpu:
    """A CPU as the loader sees it.

    ``levels`` are the subdirectories of ``glibc-hwcaps`` that it uses, most preferred first; ``platform`` is
    the value of ``$PLATFORM``, empty for the architecture's own name; ``legacy`` are the hardware
    capabilities of glibc before 2.37, in the order of their bits.
    """

    levels: tuple[str, ...] = ()
    platform: str = ""
    legacy: tuple[str, ...] = ()

    def subdirectories(self, platform: str, version: tuple[int, int]) -> tuple[str, ...]:
        """Return subdirectories tried below each directory, in order, ending with the directory itself.

        Before 2.37 there is one for every combination of capabilities, platform and ``tls``, too
        (dl-hwcaps.c).
        """
        levels = tuple(f"glibc-hwcaps/{level}/" for level in self.levels) if version >= HWCAPS_VERSION else ()
        if version >= LEGACY_GONE:
            return (*levels, "")
        parts = ("tls", *([platform] if platform else []), *reversed(self.legacy))
        combined = (
            "".join(f"{part}/" for part, used in zip(parts, choice, strict=True) if used)
            for choice in product((True, False), repeat=len(parts))
        )
        return (*levels, *combined)


BASELINE = Cpu(legacy=("x86_64",))
"""Every x86-64 CPU. The capabilities do not exist on other architectures."""


def from_cpuinfo(text: str) -> Cpu:
    """Return the first CPU of Linux's /proc/cpuinfo, classified as by glibc (sysdeps/x86/cpu-features.c)."""
    fields = dict(_fields(text))
    flags = frozenset(fields.get("flags", "").split())
    levels: list[str] = []
    for level, features in LEVELS:
        if not flags.issuperset(features.split()):
            break
        levels.insert(0, level)
    intel = fields.get("vendor_id") == "GenuineIntel"
    avx512 = intel and flags.issuperset("avx512cd avx512bw avx512dq avx512vl".split())
    return Cpu(
        tuple(levels),
        "haswell" if intel and flags >= HASWELL else "",
        ("x86_64", "avx512_1") if avx512 else ("x86_64",),
    )


def _fields(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n\n", 1)[0].splitlines():
        if match := re.match(r"([^\t:]+)\s*:\s*(.*)", line):
            yield match[1].strip(), match[2]
