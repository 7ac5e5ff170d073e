"""The names in a Python text: imports, modules and commands in calls, dotted names in strings."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from tree_sitter import Node

from tracewhale.languages.excerpt import outside_comments
from tracewhale.languages.model import IN_CODE, LISTED, PREFIX, Mention
from tracewhale.languages.python.statements import around, code
from tracewhale.languages.syntax import Grammar, Text

GRAMMAR = Grammar("tree_sitter_python")

NEVER = re.compile(
    rb"""(\w+\.)?TYPE_CHECKING
    | (\w+\.)?(platform|name)\s*==\s*["'](win32|nt|darwin|cygwin|java|emscripten|vms)["']""",
    re.VERBOSE,
)
"""A condition that is true only for type checkers (PEP 484), or false on Linux."""

MAIN = re.compile(rb"__name__")
AS_MAIN = "import as main program"
"""The name of a construct that imports a module only if the file is run as the main program."""

CALL = re.compile(
    rb"""\b(import_module|__import__|find_spec|import_string|load_object)\s*\(\s*(?:name\s*=\s*)?
    (?P<quote>["'])(?P<name>[\w.]{1,200})(?P=quote)""",
    re.VERBOSE,
)
COMMAND = re.compile(
    rb"""\b(run|Popen|call|check_call|check_output|system|popen|which|getoutput|getstatusoutput|exec[lv][pe]*
    |spawn[lv]p?e?|create_subprocess_exec|create_subprocess_shell)\s*\(\s*[\[(]?\s*
    [rf]?(?P<quote>["'])(?P<name>(?:(?!(?P=quote))[^\n]){1,400})(?P=quote)""",
    re.VERBOSE,
)
COMPUTED = re.compile(
    rb"""\b(?P<how>import_module|__import__)\s*\(\s*
    (?:[fF]["'](?P<start>[A-Za-z_.][\w.]{0,80})\{[^{}"'\n]{0,80}\}(?P<rest>(?:\.\w{1,40}){0,3})
    | ["'](?P<prefix>[A-Za-z_.][\w.]{0,80}\.)["']\s*\+
    | ["'](?P<format>[A-Za-z_.][\w.]{0,80}\.)%s)""",
    re.VERBOSE,
)
"""A call with a name that is put together, of which the beginning is known, and perhaps the ``rest``."""

FORMATTED = re.compile(rb"""\b[fF](?P<quote>["'])(?P<start>\.?_?[a-z]\w{6,80})\{[^"'\n]{1,200}(?P=quote)""")
"""A string that may be such a name, if the text has an import by name as well."""

LIST = re.compile(rb"""[\[(]\s*(?:["']\w{2,60}["']\s*,\s*(?:\#[^\n]*\n\s*)*){3,}""")
ITEM = re.compile(rb"""["'](\w{2,60})["']""")
"""A list of names, which may be those of the modules beside the file."""

ITEMS = 1000
"""The most names of all lists in a text."""

IMPORTING = (b"import_module", b"__import__", b"find_spec", b"import_string", b"load_object")
RUNNING = (b"subprocess", b"popen", b"spawn", b"execv", b"execl")
RUNNING_CALLS = (re.compile(rb"system\s*\("), re.compile(rb"which\s*\("))
"""Words without which a text is not searched for calls, because that takes longer."""

IMPORT = re.compile(rb"import(?<!\wimport)\b")
COMMENT = re.compile(rb"[ \t]*#")
FUTURE = "future_import_statement"
STATEMENTS = ("import_statement", "import_from_statement", FUTURE)
LATER = ("function_definition", "lambda")
SELF_TEST = b"_test"
"""The usual name of a function with a module's own tests."""

DOTTED = re.compile(rb"""(["'])((?:[A-Za-z_]\w{0,80}\.){1,12}[A-Za-z_]\w{0,80})(:\w{1,80})?\1""")

NATIVE = re.compile(rb"\0((?:[A-Za-z_]\w{0,60}\.){1,8}[A-Za-z_]\w{0,60}|_[a-z]\w{2,60})(?=\0)")
"""A string of an extension module that may be the name of a module."""

CYTHON, COMPRESSED = b"pyx", re.compile(rb"\x78[\x01\x5e\x9c\xda]")
"""A word of extension modules that Cython made, and the beginning of a stream (RFC 1950): since version 3.1
all strings of such a module are one stream, without separators."""

PRIVATE, JOINED = re.compile(rb"\b\w*_[a-z]\w*"), "joined strings"
STREAM, STREAM_START, STREAM_STARTS, STREAMS = 1 << 20, 1 << 10, 5000, 8
"""The most bytes of a stream and of its text, those of the start that tells whether it is one, the most
starts that are tried, and the most streams that are read."""

CYTHON_TEXT = b"__test__"
"""A name in the text of such a stream."""

ENTRY_POINT = re.compile(rb"^[^\s=\[#;][^=\n]{0,200}=\s*([\w.]{1,200})|^\[([^\]\n]*)\]", re.MULTILINE)
SCRIPTS = (b"console_scripts", b"gui_scripts")
"""Groups of entry points that are commands: each has a script that names its module itself."""

PTH_IMPORT = re.compile(rb"^import[ \t]([^\n]*)", re.MULTILINE)

ZIP_MEMBERS = 2000
ZIP_SIZE = 32 << 20
"""The most bytes of a zipped application's modules that are read."""


@dataclass(frozen=True, slots=True)
class MentionContext:
    """The surroundings of a mention: whether it waits for a call, is only for the main program, or never
    runs."""

    lazy: bool
    main: bool
    never: bool


def mentions(content: bytes) -> Iterator[Mention]:
    """Yield the mentions of a module, in the order of kinds and lines."""
    importing = any(word in content for word in IMPORTING)
    calls = list(CALL.finditer(content)) if importing else []
    running = any(word in content for word in RUNNING) or any(p.search(content) for p in RUNNING_CALLS)
    commands = list(COMMAND.finditer(content)) if running else []
    dotted = list(DOTTED.finditer(content))
    yield from _computed(content, importing)
    lines = code(content)
    words = (match.start() for match in IMPORT.finditer(lines))
    imports = list(outside_comments(lines, words, COMMENT))
    positions = sorted((*imports, *(match.start(2) for match in (*calls, *commands, *dotted))))
    if not positions:
        return
    text = GRAMMAR.parse(content, around(content, lines, positions))
    for at in imports:
        above = text.above(at)
        node = next((node for node in reversed(above) if node.type in STATEMENTS), None)
        if above and node is not None and above[-1].type == "import":
            place = _place(text, above, at)
            statements = () if place.never else _imports(text, node, place.lazy or place.main)
            yield from (replace(mention, how=AS_MAIN) for mention in statements) if place.main else statements
    for match in calls:
        at = match.start(1)
        if text.type_at(at, match.end(1)) == "identifier":
            place = _place(text, text.above(at), at)
            if not place.never:
                yield Mention(text.line(at), match["name"].decode(), f"{match[1].decode()}()", place.lazy)
    for match in commands:
        if text.type_at(match.start(1), match.end(1)) == "identifier":
            yield Mention(text.line(match.start()), _decoded(match["name"]), "command", True)
    for match in dotted:
        if text.type_at(match.start(2), match.end(2)) == "string_content":
            yield Mention(text.line(match.start()), match[2].decode(), "string", True)


def _computed(content: bytes, importing: bool) -> Iterator[Mention]:
    """Yield the beginnings of names of modules that are put together, if the text is ``importing`` by name,
    and lists of names."""
    lines = 0, 1
    finds: list[tuple[int, bytes, str, tuple[str, ...]]] = []
    if importing:
        for match in COMPUTED.finditer(content):
            start = match["start"] or match["prefix"] or match["format"]
            parts = tuple(filter(None, _decoded(match["rest"]).split(".")))
            finds.append((match.start(), start, PREFIX, parts))
        finds += [(match.start(), match["start"], PREFIX, ()) for match in FORMATTED.finditer(content)]
    for listing in LIST.finditer(content):
        items = ITEM.finditer(listing[0])
        finds += [(listing.start() + item.start(), item[1], LISTED, ()) for item in items]
    for at, name, how, parts in sorted(finds)[:ITEMS]:
        lines = at, lines[1] + content.count(b"\n", lines[0], at)
        yield Mention(lines[1], _decoded(name), how, True, parts)


def native(content: bytes) -> Iterator[Mention]:
    """Yield the dotted and the private names among an extension module's strings, and the words with private
    names of a compressed text."""
    names = dict.fromkeys(match[1] for match in NATIVE.finditer(content))
    yield from (Mention(0, _decoded(name), IN_CODE, True) for name in names)
    text = next((text for text in _texts(content) if CYTHON_TEXT in text), b"") if CYTHON in content else b""
    if text:
        yield Mention(0, " ".join(_decoded(word) for word in PRIVATE.findall(text)), JOINED)


def _texts(content: bytes) -> Iterator[bytes]:
    """Yield the texts of the compressed streams in a file."""
    starts = (match.start() for match in islice(COMPRESSED.finditer(content), STREAM_STARTS))
    streams = (start for start in starts if _inflated(content, start, STREAM_START))
    return (_inflated(content, start, STREAM) for start in islice(streams, STREAMS))


def _inflated(content: bytes, start: int, size: int) -> bytes:
    """Return the text of a stream, or of its beginning; both have at most so many bytes. Return nothing if it
    is malformed."""
    try:
        return zlib.decompressobj().decompress(content[start : start + size], size)
    except zlib.error:
        return b""


def _place(text: Text, above: Iterable[Node], at: int) -> MentionContext:
    """Return the surroundings of a byte, given the nodes above it."""
    lazy = main = never = False
    at = text.place(at)
    for depth, node in enumerate(above):
        if node.type in LATER:
            lazy = True
            name = node.child_by_field_name("name")
            never = never or (depth == 0 and name is not None and name.text == SELF_TEST)
        elif node.type == "if_statement":
            condition, block = (node.child_by_field_name(field) for field in ("condition", "consequence"))
            if condition and block and block.start_byte <= at < block.end_byte:
                words = text.bytes(condition)
                never = never or NEVER.match(words) is not None
                main = main or MAIN.match(words) is not None
    return MentionContext(lazy, main, never)


def _imports(text: Text, node: Node, lazy: bool) -> Iterator[Mention]:
    line = text.line(text.offset(node))
    modules = [name.child_by_field_name("name") or name for name in node.children_by_field_name("name")]
    names = tuple(text.text(name) for name in modules)
    if node.type == "import_statement":
        yield from (Mention(line, name, "import", lazy) for name in names)
        return
    module = node.child_by_field_name("module_name")
    if node.type == FUTURE:  # loads the module as well (The Python Language Reference, 7.11.1)
        yield Mention(line, "__future__", "from", lazy)
    elif module is not None:
        yield Mention(line, "".join(text.text(module).split()), "from", lazy, names or ("*",))


def _decoded(text: bytes | None) -> str:
    return (text or b"").decode("utf-8", "surrogateescape")


def entry_points(content: bytes) -> Iterator[Mention]:
    """Yield the modules that entry points in kept metadata name (``name = module:attribute``)."""
    group = b""
    for match in ENTRY_POINT.finditer(content):
        if match[1] is None:
            group = match[2].strip()
        elif group not in SCRIPTS:
            line = content.count(b"\n", 0, match.start()) + 1
            yield Mention(line, _decoded(match[1]), "entry point", True)


def path_file(content: bytes) -> Iterator[Mention]:
    """Yield the imports in the lines of a ``.pth`` file (site: "Lines starting with import")."""
    for match in PTH_IMPORT.finditer(content):
        line = content.count(b"\n", 0, match.start()) + 1
        for name in re.findall(rb"(?:^|;)\s*(?:import\s+)?([A-Za-z_][\w.]*)", match[1]):
            yield Mention(line, _decoded(name), "import")
        for name in re.findall(rb"from\s+([A-Za-z_][\w.]*)\s+import", match[1]):
            yield Mention(line, _decoded(name), "from")


def zipped(content: bytes) -> Iterator[Mention]:
    """Yield the absolute imports of the modules in a zipped application; their targets may be outside
    of it."""
    start = content.find(b"PK\x03\x04")
    try:
        with zipfile.ZipFile(io.BytesIO(content[max(start, 0) :])) as archive:
            left = ZIP_SIZE
            for member in archive.infolist()[:ZIP_MEMBERS]:
                if not member.filename.endswith(".py") or member.file_size > left:
                    continue
                left -= member.file_size
                with archive.open(member) as opened:
                    for mention in mentions(opened.read(member.file_size)):
                        if mention.how in ("import", "from") and not mention.name.startswith("."):
                            yield mention
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, zlib.error):
        return
