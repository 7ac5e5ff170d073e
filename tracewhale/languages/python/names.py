"""What a Python text mentions: imports, modules and commands that calls name, dotted names in strings."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace

from tree_sitter import Node

from tracewhale.languages.model import Mention
from tracewhale.languages.syntax import Grammar, Ranges, Text

GRAMMAR = Grammar(
    "tree_sitter_python",
    """
    [(import_statement) (import_from_statement)] @import
    [(function_definition) (lambda)] @lazy
    ((module (function_definition name: (identifier) @test) @self_test) (#eq? @test "_test"))
    (if_statement condition: (_) @condition)
    """,
)

NEVER = re.compile(
    rb"""(\w+\.)?TYPE_CHECKING
    | (\w+\.)?(platform|name)\s*==\s*["'](win32|nt|darwin|cygwin|java|emscripten|vms)["']""",
    re.VERBOSE,
)
"""A condition that only type checkers take for true (PEP 484), or that does not hold on Linux."""

MAIN = re.compile(rb"__name__")
AS_MAIN = "import as main program"
"""How a module is named that is imported where the file is run, and not imported."""

CALL = re.compile(
    rb"""\b(import_module|__import__|find_spec|import_string|load_object)\s*\(\s*(?:name\s*=\s*)?
    (?P<quote>["'])(?P<name>[\w.]{1,200})(?P=quote)""",
    re.VERBOSE,
)
COMMAND = re.compile(
    rb"""\b(run|Popen|call|check_call|check_output|system|popen|which|getoutput|getstatusoutput|exec[lv][pe]*
    |spawn[lv]p?e?|create_subprocess_exec|create_subprocess_shell)\s*\(\s*[\[(]?\s*
    (?P<quote>["'])(?P<name>[^"'\\\n]{1,400})(?P=quote)""",
    re.VERBOSE,
)
IMPORTING = re.compile(rb"import_module|__import__|find_spec|import_string|load_object")
RUNNING = re.compile(rb"subprocess|popen|system|spawn|exec[vl]|which")
"""What a text must have for a call to be looked for, which takes longer."""

STRING = re.compile(rb"""(["'])((?:[A-Za-z_]\w{0,80}\.){1,12}[A-Za-z_]\w{0,80})(:\w{1,80})?\1""")

ENTRY_POINT = re.compile(rb"^[^\s=\[#;][^=\n]{0,200}=\s*([\w.]{1,200})|^\[([^\]\n]*)\]", re.MULTILINE)
SCRIPTS = (b"console_scripts", b"gui_scripts")
"""Groups of entry points that are commands: each is a script that names its module itself."""

PTH_IMPORT = re.compile(rb"^import[ \t]([^\n]*)", re.MULTILINE)

ZIP_MEMBERS = 2000
ZIP_SIZE = 32 << 20
"""Bytes of a zipped application's modules that are read."""


def mentions(content: bytes) -> Iterator[Mention]:
    """What a module mentions, in the order of kinds and lines."""
    text = GRAMMAR.parse(content)
    never = Ranges([*_guarded(text, NEVER), *text.nodes("self_test")])
    main = Ranges(_guarded(text, MAIN))
    lazy = Ranges(text.nodes("lazy"))
    for node in text.nodes("import"):
        at = node.start_byte
        if at not in never:
            found = _imports(text, node, at in lazy or at in main)
            yield from (replace(mention, how=AS_MAIN) for mention in found) if at in main else found
    for match in CALL.finditer(content) if IMPORTING.search(content) else ():
        if match.start() not in never and text.type_at(match.start(1), match.end(1)) == "identifier":
            how = match[1].decode()
            yield Mention(text.line(match.start()), match["name"].decode(), f"{how}()", match.start() in lazy)
    for match in COMMAND.finditer(content) if RUNNING.search(content) else ():
        if text.type_at(match.start(1), match.end(1)) == "identifier":
            yield Mention(text.line(match.start()), _decoded(match["name"]), "command", True)
    for match in STRING.finditer(content):
        if text.type_at(match.start(2), match.end(2)) == "string_content":
            yield Mention(text.line(match.start()), match[2].decode(), "string", True)


def _guarded(text: Text, condition: re.Pattern[bytes]) -> Iterator[Node]:
    """The blocks that run where a condition of this form holds."""
    for node in text.nodes("condition"):
        words = text.content[node.start_byte : node.end_byte]
        block = node.parent.child_by_field_name("consequence") if node.parent else None
        if condition.match(words) and block:
            yield block


def _imports(text: Text, node: Node, lazy: bool) -> Iterator[Mention]:
    line = node.start_point.row + 1
    named = [name.child_by_field_name("name") or name for name in node.children_by_field_name("name")]
    names = tuple(text.text(name) for name in named)
    if node.type == "import_statement":
        yield from (Mention(line, name, "import", lazy) for name in names)
        return
    module = node.child_by_field_name("module_name")
    if module is not None:
        yield Mention(line, "".join(text.text(module).split()), "from", lazy, names or ("*",))


def _decoded(text: bytes | None) -> str:
    return (text or b"").decode("utf-8", "surrogateescape")


def entry_points(content: bytes) -> Iterator[Mention]:
    """The modules that entry points of kept metadata name (``name = module:attribute``)."""
    group = b""
    for match in ENTRY_POINT.finditer(content):
        if match[1] is None:
            group = match[2].strip()
        elif group not in SCRIPTS:
            line = content.count(b"\n", 0, match.start()) + 1
            yield Mention(line, _decoded(match[1]), "entry point", True)


def path_file(content: bytes) -> Iterator[Mention]:
    """What the lines of a ``.pth`` file import (site: "Lines starting with import")."""
    for match in PTH_IMPORT.finditer(content):
        line = content.count(b"\n", 0, match.start()) + 1
        for name in re.findall(rb"(?:^|;)\s*(?:import\s+)?([A-Za-z_][\w.]*)", match[1]):
            yield Mention(line, _decoded(name), "import")
        for name in re.findall(rb"from\s+([A-Za-z_][\w.]*)\s+import", match[1]):
            yield Mention(line, _decoded(name), "from")


def zipped(content: bytes) -> Iterator[Mention]:
    """The absolute imports of the modules in a zipped application; what they name may be outside of it."""
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
