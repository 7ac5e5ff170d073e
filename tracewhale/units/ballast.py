"""Files of a package that no program needs to run, and that a unit leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

CODE = re.compile(
    r".*(\.(py|pl|pm|al|rb|js|mjs|cjs|node|wasm|php|inc|R|rdb|rdx|lua|tcl|sh|jar|war|class|so|ps|el|elc|scm|beam|dll)"
    r"|\.so\.[\d.]+)|.*/(s?bin|libexec)/[^/]+",
    re.DOTALL,
)
"""Names of files that are programs or parts of programs."""

VENDORED = frozenset({"node_modules", "site-packages", "dist-packages", "bower_components"})
"""Directories in which package managers of languages keep packages."""

CACHES = frozenset(
    "__pycache__ .git .svn .hg .bzr CVS .cache .npm .yarn .pytest_cache .mypy_cache .ruff_cache .tox .nox "
    ".gradle .m2 .idea .vscode .ipynb_checkpoints lost+found".split()
)
"""Directories of caches, of version control and of editors."""

TESTS = frozenset("test tests __tests__ spec specs unittests testsuite test-data test_data testdata".split())


class Ballast(Enum):
    """The kinds of ballast, each with the pattern of whole physical paths."""

    DOCUMENTATION = (
        r"/usr/(local/)?share/(doc|man|info|gtk-doc|help|doc-base|lintian|bug|bash-completion|zsh|fish|menu"
        r"|applications|metainfo|appdata|icons|pixmaps|vim|emacs|reportbug)/.*|/etc/bash_completion\.d/.*"
        r"|.*/man/man\d/.*|.*/(?i:readme|changelog|changes|history|contributing|security|news|todo)"
        r"([._-](?i:md|markdown|txt|rst|html|gz|pod))?|.*\.(md|markdown|rst|adoc|pod|rdoc|ri|sample|example)"
        r"|.*/(docs?|examples?|samples?|demos?|benchmarks?|sample_data)/(.*/)?[^/.]+(\.(?!py$|rb$|js$|pm$|pl$)[^/]*)?"
        r"|.*/R/(site-)?library/[^/]+/(help|html|doc|demo)/.*"
    )
    # Of programs that read them by gettext(3), which needs a locale of the language as well.
    CATALOGS = r"/usr/share/(locale|i18n)/.*|/usr/lib/(?!python|ruby|node)[^/]+/.*/LC_MESSAGES/[^/]+\.mo"
    HEADERS = r"/usr/(local/)?include/.*|.*/include/.*|.*\.(h|hh|hpp|hxx|pxd|pyx)"
    STATIC_LIBRARIES = r".*\.(a|la|o|lib)"
    BUILDING = (
        r".*/(pkgconfig|cmake|aclocal|gir-1\.0|vala)/.*|/usr/share/(gir-1\.0|debhelper|dh-.*)/.*|/usr/src/.*"
    )
    TESTS = (
        r".*/("
        + "|".join(sorted(TESTS))
        + r")/.*|.*/(test_[^/]*|[^/]*_test|conftest)\.py|.*/(_test|_xx|xxlimited|_ctypes_test)[^/]*\.so"
        r"|.*[._-](test|spec)\.[cm]?[jt]sx?"
    )
    STUBS = r".*\.pyi|.*\.d\.[cm]?ts(\.map)?|.*\.flow"
    SOURCE_MAPS = r".*\.(js|css|mjs|cjs)\.map|.*\.tsbuildinfo"
    SOURCES = r".*\.(c|cc|cpp|cxx|f|f90|rs|go|ts|tsx|coffee|gyp|gypi|po|pot)|.*/(Makefile|CMakeLists\.txt)"
    CACHES = r".*/(" + "|".join(re.escape(name) for name in sorted(CACHES)) + r")/.*"
    DEBUGGING = r"/usr/lib/debug/.*|.*\.(debug|pdb|dwo)"
    ABOUT = r".*\.(dist|egg)-info/(RECORD|INSTALLER|REQUESTED|WHEEL|direct_url\.json|.*LICEN[CS]E.*)"


PATTERNS = {kind: re.compile(kind.value, re.DOTALL) for kind in Ballast}
ANY = re.compile("|".join(f"({kind.value})" for kind in Ballast), re.DOTALL)


TEMPLATES = re.compile(r".*/(templates?|skel|skeletons?|scaffold(s|ing)?|boilerplates?)/", re.DOTALL)
"""Directories of files that a program copies: a README or a test there is data."""


def kinds(path: str) -> list[Ballast]:
    """Return the kinds of ballast of a physical path, by its name alone."""
    if not ANY.fullmatch(path):
        return []
    if TEMPLATES.match(path):
        return [Ballast.CACHES] if PATTERNS[Ballast.CACHES].fullmatch(path) else []
    return [kind for kind, pattern in PATTERNS.items() if pattern.fullmatch(path)]


def useful(paths: Iterable[str], used: Iterable[str]) -> set[str]:
    """Return the paths of a package that are not ballast.

    If the program used a file of a kind itself, that kind is data of this package: a compiler of TypeScript
    reads ``.d.ts`` files. For tests and documentation this holds only for the used directory, for caches
    never.
    """
    lifted: set[Ballast] = set()
    directories: set[str] = set()
    for path in used:
        ballast = kinds(path)
        lifted.update(ballast)
        if ballast and Ballast.CACHES not in ballast:
            directories.add(path.rpartition("/")[0])
    lifted -= {Ballast.TESTS, Ballast.DOCUMENTATION, Ballast.CACHES}
    return {
        path
        for path in paths
        if not (ballast := kinds(path))
        or path.rpartition("/")[0] in directories
        or lifted.issuperset(ballast)
    }


def is_code(path: str) -> bool:
    """Return whether a path's name is that of a program or a part of one."""
    return CODE.fullmatch(path) is not None
