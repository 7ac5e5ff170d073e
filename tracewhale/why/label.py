"""A plan in a label of the image: the best reason of each kept path, in a compact form.

The label's text is base64 of LZMA of lines of text. Line 1 is the version. Then come the words (programs,
rules, packages), one per line, an empty line, and one line per path in the order of a layer: the number of
bytes it has in common with the path before, the rest, the kind of reason, the numbers of the reason's words
or the step back to another path, its bytes, and its packages. After an empty line come the packages that are
left out, and after another the modules of class libraries: name, library, packages, and its reason, if it has
one.
"""

from __future__ import annotations

import base64
import binascii
import lzma
import os
from collections.abc import Mapping

from tracewhale.errors import ImageContentError
from tracewhale.plan.reasons import Reason, Why
from tracewhale.why.ledger import Ledger, ListedModule

LABEL = "tracewhale.plan"
VERSION = "1"
LIMIT = 64 << 20
"""The most bytes of a label's unpacked text."""

FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
SEPARATOR = "\t"


def encode(ledger: Ledger) -> str:
    """Return the label of a plan: the same for the same plan."""
    words: dict[str, int] = {}

    def number(word: str) -> str:
        return str(words.setdefault(word, len(words)))

    lines, before = [], ""
    for path in sorted(ledger.reasons, key=os.fsencode):
        reason = ledger.steps[path][0] if path in ledger.steps else ledger.reasons[path][0]
        common = _common(before, path)
        detail = "" if reason.why == Why.ACCESS.value else reason.detail  # varies from run to run
        fields = [str(common), _escaped(path[common:]), reason.why, number(reason.by), number(detail)]
        fields += [str(ledger.sizes.get(path, 0) or ""), *map(number, ledger.packages.get(path, ()))]
        lines.append(SEPARATOR.join(fields))
        before = path
    lines = [VERSION, *map(_escaped, words), "", *lines, "", *map(_escaped, ledger.left_out)]
    lines += ["", *map(_line_of, ledger.modules)] if ledger.modules else []
    raw = "\n".join(lines).encode("utf-8", "surrogateescape")
    return base64.b64encode(lzma.compress(raw, lzma.FORMAT_XZ, filters=FILTERS)).decode()


def decode(label: str) -> Ledger:
    """Return the ledger in a label. Raise ImageContentError if the label is not one of ours."""
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=256 << 20)
        raw = unpacker.decompress(base64.b64decode(label, validate=True), LIMIT)
        lines = raw.decode("utf-8", "surrogateescape").split("\n")
        if lines[0] != VERSION or not unpacker.eof:
            raise ValueError(f"version {lines[0][:20]!r}")
        end = lines.index("")
        words = [_unescaped(line) for line in lines[1:end]]
        stop = lines.index("", end + 1)
        last = lines.index("", stop + 1) if "" in lines[stop + 1 :] else len(lines)
        left_out = tuple(map(_unescaped, lines[stop + 1 : last]))
        return _ledger(lines[end + 1 : stop], words, left_out, tuple(map(_module, lines[last + 1 :])))
    except (ValueError, IndexError, binascii.Error, lzma.LZMAError) as error:
        raise ImageContentError(
            f"The image's label {LABEL} cannot be read: {error}.", "Use its trace instead."
        ) from error


def _line_of(module: ListedModule) -> str:
    reason = (module.reason.why, module.reason.by, module.reason.detail) if module.reason else ()
    return SEPARATOR.join(map(_escaped, (module.name, module.library, " ".join(module.packages), *reason)))


def _module(line: str) -> ListedModule:
    name, library, packages, *reason = map(_unescaped, line.split(SEPARATOR))
    if len(reason) not in (0, 3):
        raise ValueError(f"a reason of {len(reason)} parts")
    return ListedModule(name, library, tuple(packages.split()), Reason(*reason) if reason else None)


def _ledger(
    lines: list[str], words: list[str], left_out: tuple[str, ...], modules: tuple[ListedModule, ...]
) -> Ledger:
    reasons: dict[str, tuple[Reason, ...]] = {}
    sizes: dict[str, int] = {}
    packages: dict[str, tuple[str, ...]] = {}
    path = ""
    for line in lines:
        common, rest, why, by, detail, size, *numbers = line.split(SEPARATOR)
        path = path[: int(common)] + _unescaped(rest)
        reasons[path] = (Reason(why, words[int(by)], words[int(detail)]),)
        if size:
            sizes[path] = int(size)
        if numbers:
            packages[path] = tuple(words[int(number)] for number in numbers)
    return Ledger(reasons, sizes, packages, left_out, modules=modules)


def of_config(config: Mapping[str, object]) -> Ledger | None:
    """Return the ledger in an image configuration's labels, or None without one. Raise ImageContentError."""
    inner = config.get("config")
    labels = inner.get("Labels") if isinstance(inner, Mapping) else None
    text = labels.get(LABEL) if isinstance(labels, Mapping) else None
    return decode(text) if isinstance(text, str) else None


def _common(first: str, second: str) -> int:
    """Return the number of characters that two texts share at their beginning."""
    for number, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return number
    return min(len(first), len(second))


def _escaped(text: str) -> str:
    """Return text without newlines and tabs, and never empty."""
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return text or "\\0"


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    parts = text.split("\\\\")
    plain = [part.replace("\\n", "\n").replace("\\t", "\t").replace("\\0", "") for part in parts]
    return "\\".join(plain)
