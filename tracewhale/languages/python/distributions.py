"""The metadata of installed distributions beside their modules: ``NAME-VERSION.dist-info`` (PyPA, "Recording
installed projects"), or ``.egg-info`` (setuptools)."""

from __future__ import annotations

import re

from tracewhale.languages.files import Files

METADATA = ("entry_points.txt", "METADATA", "PKG-INFO")

INFO = (".dist-info", ".egg-info")

REQUIRED = re.compile(r"^Requires-Dist:\s*([\w.-]+)(?![^\n]*\bextra\s*==)", re.MULTILINE)
"""A dependency that is not one of an extra (PyPA, "Core metadata")."""


class Distributions:
    """Looks metadata up by the name of a module at the top level, if the distribution has the same name."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._infos: dict[str, dict[str, str]] = {}
        self._required: dict[str, frozenset[str]] = {}

    def metadata(self, root: str) -> tuple[str, ...]:
        """Return the metadata files of the distribution of a module or package: a program may ask for the
        version or the entry points of any distribution that it loads (importlib.metadata)."""
        directory = self._directory(root)
        files = (directory, *(f"{directory}/{name}" for name in METADATA)) if directory else ()
        return tuple(file for file in files if self._files.is_file(file))

    def requires(self, root: str, other: str) -> bool:
        """Return whether the distribution of a module, or of a directory of metadata, requires another one,
        or is the same."""
        if root not in self._required:
            directory = root if root.endswith(INFO) else self._directory(root)
            text = self._files.text(f"{directory}/METADATA").decode("utf-8", "replace") if directory else ""
            names = REQUIRED.findall(text.partition("\n\n")[0])
            self._required[root] = frozenset(map(normalized, names)) | {_name(root)}
        return _name(other) in self._required[root]

    def _directory(self, root: str) -> str:
        site = root.rpartition("/")[0]
        if site not in self._infos:
            infos = [info for info in self._files.listing(site) if info.endswith(INFO)]
            self._files.view.prefetch(f"{site}/{info}" for info in infos)
            self._infos[site] = {_name(info): f"{site}/{info}" for info in infos}
        return self._infos[site].get(_name(root), "")


def normalized(name: str) -> str:
    """Return a name in the form in which names are compared (PyPA, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _name(path: str) -> str:
    """Return the name of a module, or of the distribution of a directory of metadata."""
    name = path.rpartition("/")[2]
    return normalized(name.partition("-")[0] if name.endswith(INFO) else name.removesuffix(".py"))
