"""Messages about modules, packages and the library of Python."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from tracewhale.diagnosis.explain.common import (
    finding,
    listed_directories,
    lookups,
    there_in_full,
)
from tracewhale.diagnosis.explain.modules import SearchPath, missing_module, renamed
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, searched
from tracewhale.diagnosis.needs import other_libc
from tracewhale.diagnosis.remedies import Remedies, install
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.diagnosis.search import find_all, find_below
from tracewhale.rootfs.tree import View

_VERSION = re.compile(r"/python(\d\.\d+)/")

MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "arm": "arm"}
"""The machine in the name of an extension module, by Go's name of an architecture."""

RECORD_LIMIT = 256 << 10
"""The bytes of a distribution's list of files that are read."""

LIBRARIES_OF_PYTHON = ("site-packages", "dist-packages")


def python_module(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a module that is in no directory of sys.path."""
    name = complaint.fact("name")
    top, parts = name.partition(".")[0], name.split(".")
    if top == "encodings":
        yield from python_home(case, complaint)
        return
    places = _python_path(case)
    if (finding := _other_abi(case, complaint, places, parts)) is not None:
        yield finding
        return
    if (finding := _other_version(case, complaint, parts)) is not None:
        yield finding
        return
    paths = [path for place in places for path in _python_files(case, place, parts)]
    if top in sys.stdlib_module_names:
        fallback = Remedies(case).installs((), "python3")
    else:
        fallback = [install("pypi", renamed()["python"].get(top, top))]
    what, extension = f"the Python module {name}", case.owners.lost(parts[-1:], ".so")
    if extension and top in sys.stdlib_module_names:
        paths += extension
    stem = "/".join(parts)
    other = (install("pypi", renamed()["python"].get(top, top), note="with the Python that runs"),)
    search = SearchPath((f"{stem}.py", f"{stem}/__init__.py"), "PYTHONPATH", _of_this_python(case), other)
    yield missing_module(case, complaint, "python-module", what, paths, fallback, search=search)


def _other_abi(
    case: Case, complaint: Complaint, places: Sequence[str], parts: Sequence[str]
) -> Finding | None:
    """Return the finding for an extension module that was compiled for another version of CPython, another
    machine or another C library (PEP 3149)."""
    seen = {match[1].replace(".", "") for path in case.paths if (match := _VERSION.search(path))}
    wanted = re.compile(rf"{re.escape(parts[-1])}\.cpython-(\d)(\d+)-(.*)\.so")
    for place in places if seen else ():
        directory = "/".join((place.rstrip("/"), *parts[:-1]))
        for entry in sorted(case.view.listing(_physical(case.view, directory)) or {}):
            match = wanted.fullmatch(entry)
            if match is None:
                continue
            platform = _other_platform(case, match[3])
            if match[1] + match[2] in seen and not platform:
                continue
            version, ours = f"{match[1]}.{match[2]}", min(f"{number[0]}.{number[1:]}" for number in seen)
            what = platform or f"Python {version}, and Python {ours} runs"
            cause = f"{directory}/{entry} is for {what}."
            package = renamed()["python"].get(parts[0], parts[0])
            note = "in this image" if platform else f"with Python {ours}"
            again = Remedy("pip install --force-reinstall {:package}", package, note=note)
            other = Remedy("FROM python:{}", version, note="the Python that it was installed with")
            paths = there_in_full(case, _python_files(case, place, parts))
            remedies = [*Remedies(case).copies(paths), again, *([] if platform else [other])]
            return finding(case, complaint, "python-version", cause, remedies, paths=paths)
    return None


def _other_platform(case: Case, platform: str) -> str:
    """Return the platform for which an extension module was built if that is not the image's; else empty."""
    machine, _, libc = platform.partition("-linux-")
    ours = MACHINES.get(case.architecture, machine)
    if machine != ours:
        return f"{machine}, and this image is for {ours}"
    name = "musl" if libc.startswith("musl") else "glibc"
    other = other_libc(case.view, name)
    return f"{name}, and this image has {other}" if other else ""


def _other_version(case: Case, complaint: Complaint, parts: Sequence[str]) -> Finding | None:
    """Return the finding for a module whose whole directory of packages is another Python version's, as in a
    virtual environment that was made with it."""
    seen = sorted({match[1] for path in case.paths if (match := _VERSION.search(path))})
    stem = "/".join(parts)
    for directory, _ in find_below(case.view, (f"{stem}/__init__.py", f"{stem}.py")) if seen else ():
        match = _VERSION.search(f"{directory}/")
        if match is None or match[1] in seen:
            continue
        above = directory[: match.start()]
        ours = f"{above}/python{seen[0]}"
        if case.view.listing(f"{ours}{directory[match.end() - 1 :]}"):
            continue
        cause = f"the packages in {directory} are for Python {match[1]}, and Python {seen[0]} runs."
        paths = there_in_full(case, (ours,))
        remedies = [
            *Remedies(case).copies(paths),
            Remedy("FROM python:{}", match[1], note="the Python that they were installed with"),
            Remedy("python3 -m pip install -r requirements.txt", note="again, with the Python that runs"),
        ]
        return finding(case, complaint, "python-version", cause, remedies, paths=paths)
    return None


def _of_this_python(case: Case) -> Callable[[str], bool]:
    """Return a function that says whether a directory belongs to the Python version that ran."""
    seen = {match[1] for path in case.paths if (match := _VERSION.search(path))}

    def mine(directory: str) -> bool:
        match = _VERSION.search(f"{directory}/")
        return match is None or not seen or match[1] in seen

    return mine


def _python_path(case: Case) -> list[str]:
    """Return the directories in which Python searches: those that it listed, or all that look like them."""
    listed = list(listed_directories(case))
    view = case.full or case.view
    known = [e.path for e in find_all(view, LIBRARIES_OF_PYTHON, 3000)]
    directories = [case.directory, *listed, *known]
    return list(dict.fromkeys(directory for directory in directories if directory))


def _python_files(case: Case, place: str, parts: Sequence[str]) -> list[str]:
    """Return the possible files of a module in a directory: a package, a source, compiled code, an extension
    module."""
    top = f"{place.rstrip('/')}/{parts[0]}"
    if not case.exists(top) and case.full is not None and case.full.resolve(top).exists:
        return [top, *_metadata(case.full, place, parts[0])]  # the whole package is gone
    stem = f"{place.rstrip('/')}/{'/'.join(parts)}"
    files = [f"{stem}/__init__.py", f"{stem}.py"]
    for view in filter(None, (case.full,)):
        listing = view.listing(_physical(view, os.path.dirname(stem))) or {}
        names = sorted(n for n in listing if n.startswith(f"{parts[-1]}.") and n.endswith(".so"))
        files += [f"{os.path.dirname(stem)}/{name}" for name in names]
        files += [stem] if view.resolve(stem).exists and not case.exists(stem) else []
    return files


def _metadata(view: View, place: str, name: str) -> list[str]:
    """Return the directory with the metadata of a package, and the one with a wheel's own libraries."""
    listing = view.listing(_physical(view, place)) or {}
    wanted = re.compile(rf"{re.escape(name)}(-[^/]*\.(?:dist|egg)-info|\.libs)", re.IGNORECASE)
    return [f"{place.rstrip('/')}/{entry}" for entry in sorted(listing) if wanted.fullmatch(entry)]


def _physical(view: View, path: str) -> str:
    entry = view.resolve(path).entry
    return entry.path if entry is not None else path


def python_home(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a Python that does not find its standard library."""
    home = case.environment.get("PYTHONHOME", "")
    absent = lookups(case, lambda path: path.endswith(("/os.py", "/lib-dynload", "/encodings", "/os.pyc")))
    if home:
        yield finding(
            case,
            complaint,
            "python-home",
            f"PYTHONHOME is {home}, without a library of Python's.",
            set_variable("PYTHONHOME", ""),
            evidence=searched(absent),
        )
        return
    for home in sorted({os.path.dirname(path) for path in case.paths if path.endswith("/os.py")}):
        if case.exists(f"{home}/os.py") and not case.exists(f"{home}/encodings/__init__.py"):
            lost = (f"{home}/encodings/__init__.py",)
            cause = f"a part of Python's standard library ({home}/encodings) is not in the image."
            remedies = Remedies(case).files(lost, "python3")
            yield finding(case, complaint, "python-home", cause, remedies, paths=Remedies(case).wholes(lost))
            return
    needed = tuple(path for path in absent if path.endswith("/os.py"))
    directories = tuple(sorted({os.path.dirname(path) for path in needed}, key=_beside_programs))
    paths = there_in_full(case, directories)
    place = (paths or directories or ("Python's library directory",))[0]
    yield finding(
        case,
        complaint,
        "python-home",
        f"Python's standard library ({place}) is not in the image.",
        Remedies(case).files(paths or directories[:1], "python3"),
        evidence=searched(absent),
        paths=paths,
    )


def _beside_programs(directory: str) -> bool:
    """Return whether a directory that was tried is below one of programs, where no library is installed."""
    return "/bin/" in directory


def python_package_data(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain the metadata of a distribution, which importlib.metadata reads."""
    name = complaint.fact("name")
    folded = re.sub(r"[-_.]+", "_", name)
    view = case.full or case.view
    paths = [p for place in _python_path(case) for p in _metadata(view, place, folded)]
    yield missing_module(
        case,
        complaint,
        "python-metadata",
        f"the metadata of the Python distribution {name}",
        paths,
        [install("pypi", name)],
    )


def python_distribution(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a distribution that a library says to install, if the image does not have it."""
    name = complaint.fact("name")
    folded, places = re.sub(r"[-_.]+", "_", name), _python_path(case)
    if not case.failed or any(_metadata(case.view, place, folded) for place in places):
        return
    paths = [
        path
        for place in places
        if case.full is not None
        for metadata in _metadata(case.full, place, folded)
        for path in (metadata, *_modules_of(case.full, place, metadata))
    ]
    what = f"the Python distribution {name}"
    yield missing_module(case, complaint, "python-module", what, paths, [install("pypi", name)])


def _modules_of(view: View, place: str, metadata: str) -> list[str]:
    """Return the modules and packages of a distribution, by its RECORD."""
    (text,) = view.tree.read([(f"{_physical(view, metadata)}/RECORD", 0, RECORD_LIMIT)])
    tops = {line.split(",")[0].split("/")[0] for line in os.fsdecode(text or b"").splitlines()}
    return [
        f"{place}/{top}"
        for top in sorted(tops)
        if top not in ("", "..", "__pycache__", os.path.basename(metadata))
    ]


EXPLAINERS = {
    "python-distribution": python_distribution,
    "python-module": python_module,
    "python-home": python_home,
    "python-package-data": python_package_data,
}
