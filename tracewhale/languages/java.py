"""Java: class paths of manifests, services, classes beside a class, native libraries beside a jar, agents."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from tracewhale.languages.files import Files, normal
from tracewhale.languages.model import Import, Mention, MissingImport
from tracewhale.rootfs.tree import Entry, Kind, parent

ARCHIVES = (".jar", ".war", ".ear")
CONTINUED = re.compile(rb"\r?\n ")
HEADER = re.compile(
    rb"^(Class-Path|Launcher-Agent-Class|Agent-Class):[ ]*([^\r\n]*)", re.MULTILINE | re.IGNORECASE
)
MANIFEST_LIMIT = 1 << 20
AGENT = re.compile(r"-javaagent:([^=\s]+)|-agentpath:([^=\s]+)")
CLASSES = re.compile(r"(?P<root>.*/(?:WEB-INF/classes|classes|bin|out))/.*\.class")
CLASS_LIMIT = 1 << 20

SIZES = {
    3: 4,
    4: 4,
    5: 8,
    6: 8,
    7: 2,
    8: 2,
    9: 4,
    10: 4,
    11: 4,
    12: 4,
    15: 3,
    16: 2,
    17: 4,
    18: 4,
    19: 2,
    20: 2,
}
"""The bytes of each kind of constant after its tag (JVM Specification, section 4.4)."""


class Java:
    """Jars name other jars; classes outside jars name classes beside them."""

    name = "java"

    def __init__(self, files: Files) -> None:
        self._files = files

    def reads(self, entry: Entry, head: bytes) -> bool:
        is_archive = entry.path.endswith(ARCHIVES) and head.startswith(b"PK")
        is_service = "/META-INF/services/" in entry.path
        return (
            is_archive
            or is_service
            or (entry.path.endswith(".class") and head.startswith(b"\xca\xfe\xba\xbe"))
        )

    def mentions(self, path: str, content: bytes) -> Iterable[Mention]:
        if path.endswith(".class"):
            return [Mention(0, name, "class", True) for name in classes(content)]
        if path.endswith(ARCHIVES):
            return [Mention(0, "lib*.so", "beside", True), *_manifest(content)]
        return _services(content)

    def is_library(self, path: str) -> bool:
        return path.endswith(ARCHIVES)

    def resolve(self, path: str, mentions: Iterable[Mention]) -> Iterator[Import | MissingImport]:
        for mention in mentions:
            if mention.how == "beside":
                yield from self._beside(path, mention)
                continue
            if mention.how == "Class-Path":
                place = normal(f"{parent(path)}/{unquote(mention.name)}")
            else:
                place = f"{self._root(path)}/{mention.name.replace('.', '/')}.class"
            if self._files.is_file(place):
                yield Import(path, mention.line, mention.name, place, mention.how, mention.lazy)
            elif mention.how == "Class-Path" and not self._files.is_directory(place):
                yield MissingImport(path, mention.line, mention.name, (place,), mention.lazy)

    def _root(self, path: str) -> str:
        """Return the directory of the class path that contains a class or a service."""
        if "/META-INF/" in path:
            return path[: path.index("/META-INF/")]
        match = CLASSES.fullmatch(path)
        return match["root"] if match else parent(path)

    def _beside(self, path: str, mention: Mention) -> Iterator[Import]:
        """Yield native libraries in a jar's own directory, and the agents that the options name."""
        directory = parent(path)
        for name, entry in sorted(self._files.listing(directory).items()):
            if entry.kind is Kind.FILE and name.startswith("lib") and name.endswith(".so"):
                yield Import(path, 0, name, f"{directory}/{name}", "JNI library beside", True)
        options = " ".join(
            self._files.environment.get(name) for name in ("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS")
        )
        for match in AGENT.finditer(" ".join((options, *self._files.environment.words))):
            agent = match[1] or match[2]
            if self._files.is_file(agent):
                yield Import(path, 0, agent, agent, "agent", True)


def _manifest(content: bytes) -> Iterator[Mention]:
    """Yield the jars on the class path of an archive's manifest (JAR File Specification)."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open("META-INF/MANIFEST.MF") as opened:
            text = CONTINUED.sub(b"", opened.read(MANIFEST_LIMIT))
    except (
        zipfile.BadZipFile,
        KeyError,
        NotImplementedError,
        RuntimeError,
        OSError,
        ValueError,
        EOFError,
        zlib.error,
    ):
        return
    for match in HEADER.finditer(text):
        if match[1].lower() == b"class-path":
            for name in match[2].decode("utf-8", "surrogateescape").split():
                if "://" not in name:
                    yield Mention(text.count(b"\n", 0, match.start()) + 1, name, "Class-Path")


def _services(content: bytes) -> Iterator[Mention]:
    """Yield the classes of a provider configuration file (java.util.ServiceLoader)."""
    for number, line in enumerate(content.splitlines(), 1):
        name = line.partition(b"#")[0].strip().decode("utf-8", "surrogateescape")
        if name:
            yield Mention(number, name, "service", True)


def classes(content: bytes) -> Iterator[str]:
    """Yield the classes that a class file's constants name (JVM Specification, section 4.4.1)."""
    if len(content) < 10 or len(content) > CLASS_LIMIT:
        return
    (count,) = struct.unpack_from(">H", content, 8)
    texts: dict[int, str] = {}
    indices: list[int] = []
    at, number = 10, 1
    try:
        while number < count:
            tag = content[at]
            if tag == 1:
                (size,) = struct.unpack_from(">H", content, at + 1)
                texts[number] = content[at + 3 : at + 3 + size].decode("utf-8", "surrogateescape")
                at += 3 + size
            else:
                if tag == 7:
                    indices.append(struct.unpack_from(">H", content, at + 1)[0])
                at += 1 + SIZES[tag]
            number += 2 if tag in (5, 6) else 1
    except (IndexError, KeyError, struct.error):
        return
    for index in indices:
        name = texts.get(index, "")
        if name and not name.startswith(("[", "java/", "javax/", "jdk/", "sun/")):
            yield name.replace("/", ".")
