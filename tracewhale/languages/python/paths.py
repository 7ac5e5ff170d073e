"""The module search paths of an image's Python interpreters: their directories, site, ``.pth``,
PYTHONPATH."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tracewhale.languages.files import Files, normal
from tracewhale.rootfs.tree import Kind, join, parent

LIBRARY = re.compile(r"(?P<prefix>.*)/lib(?:64)?/(?:python|pypy)(?P<version>\d+(?:\.\d+)?)(?=/|$)")
SITE = re.compile(r"(.*/(?:site-packages|dist-packages))(?=/|$)")
PTH_LIMIT = 100

SYSTEM_PREFIXES = ("/usr/local", "/usr")


class Paths:
    """The search paths, each computed once for a version of Python and a kind of source."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._versions = sorted(
            {
                match["version"]
                for path in files.kept
                if (match := LIBRARY.match(path)) and "." in match["version"]
            }
        )
        self._prefixes = sorted({match["prefix"] for path in files.kept if (match := LIBRARY.match(path))})
        self._sites = sorted({match[1] for path in files.kept if (match := SITE.match(path))})
        self._shared: dict[str, tuple[str, ...]] = {}

    def search(self, source: str) -> tuple[str, ...]:
        """Return the directories, in order, that are searched for absolute imports of this file."""
        own = () if is_library(source) else self._own(source)
        match = LIBRARY.match(source)
        version = match["version"] if match and match["version"] in self._versions else ""
        if version not in self._shared:
            self._shared[version] = tuple(dict.fromkeys(self._common(version)))
        return tuple(dict.fromkeys((*own, *self._shared[version])))

    def _own(self, source: str) -> tuple[str, ...]:
        """Return a script's own directory, and the directory of the package that contains an application's
        file."""
        here = top = parent(source)
        while top != "/" and "__init__.py" in self._files.listing(top):
            top = parent(top)
        above = () if top == "/" else (parent(top),)
        return (top, here, normal(self._files.environment.directory), *above)

    def _common(self, version: str) -> Iterator[str]:
        variables = self._files.environment.get("PYTHONPATH")
        yield from (normal(path) for path in variables.split(":") if path.startswith("/"))
        versions = [version] if version else self._versions
        prefixes = dict.fromkeys((*SYSTEM_PREFIXES, *self._prefixes))
        for number in versions:
            for prefix in prefixes:
                for library in ("lib", "lib64"):
                    yield from self._existing(f"{prefix}/{library}/python{number}")
                    yield from self._existing(f"{prefix}/{library}/python{number}/lib-dynload")
        for number in versions:
            for prefix in prefixes:
                for library in ("lib", "lib64"):
                    for name in ("site-packages", "dist-packages"):
                        yield from self._site(f"{prefix}/{library}/python{number}/{name}")
                yield from self._site(f"{prefix}/lib/python{number.split('.')[0]}/dist-packages")
        for site in self._sites:
            yield from self._site(site)

    def _existing(self, directory: str) -> Iterator[str]:
        if self._files.is_directory(directory):
            yield self._files.physical(directory)

    def _site(self, directory: str) -> Iterator[str]:
        """Yield a site directory, and the directories in its ``.pth`` files (site)."""
        if not self._files.is_directory(directory):
            return
        directory = self._files.physical(directory)
        yield directory
        names = sorted(
            name
            for name, entry in self._files.listing(directory).items()
            if name.endswith((".pth", ".egg-link")) and entry.kind is not Kind.DIRECTORY
        )
        for name in names[:PTH_LIMIT]:
            for line in (
                self._files.text(join(directory, name)).decode("utf-8", "surrogateescape").splitlines()
            ):
                line = line.strip()
                if line and "\0" not in line and not line.startswith(("#", "import ", "import\t")):
                    yield from self._existing(normal(line if line.startswith("/") else f"{directory}/{line}"))


def is_standard(path: str) -> bool:
    """Return whether a module is part of the standard library, whose strings name renamed modules."""
    return LIBRARY.match(path) is not None and SITE.match(path) is None


def is_library(path: str) -> bool:
    """Return whether a module is part of the standard library or an installed distribution."""
    return LIBRARY.match(path) is not None or SITE.match(path) is not None
