"""Messages about classes, native libraries and the runtime of Java."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from tracewhale.diagnosis.explain.common import base, finding, lookups, owned, there_in_full
from tracewhale.diagnosis.explain.modules import missing_module
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.remedy import Remedy, set_variable
from tracewhale.diagnosis.search import find_all
from tracewhale.java.jimage import JImage, UnknownImage
from tracewhale.java.shrink import LIBRARY, SIZE_LIMIT
from tracewhale.rootfs.tree import Kind


def java_class(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a class that is missing on the class path."""
    name = complaint.fact("name")
    if (library := _shrunk(case, lambda path: path == name.replace(".", "/"))) is not None:
        yield _left_out(case, complaint, f"the class {name}", library)
        return
    file = f"{name.replace('.', '/')}.class"
    absent = lookups(case, lambda p: p.endswith((".jar", f"/{file}")) and "/jvm/" not in p)
    there = there_in_full(case, absent)
    yield missing_module(
        case,
        complaint,
        "java-class",
        f"the class {name}",
        there or absent,
        [Remedy("add the jar that has {} to the class path (-cp)", name)],
        absent,
    )


def java_library(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a native library that System.loadLibrary searches."""
    name = f"lib{complaint.fact('name')}.so"
    absent = lookups(case, lambda p: base(p) == name)
    paths = list(absent)
    if case.full is not None:
        paths += [e.path for e in find_all(case.full, (name,))]
    ours = [e.path for e in find_all(case.view, (name,))]
    if ours and not there_in_full(case, paths):
        remedy = Remedy("-e JAVA_TOOL_OPTIONS=-Djava.library.path={}", os.path.dirname(ours[0]))
        yield finding(
            case,
            complaint,
            "library-path",
            f"{ours[0]} is where java.library.path does not lead.",
            (set_variable("LD_LIBRARY_PATH", os.path.dirname(ours[0]))[0], remedy),
        )
        return
    yield missing_module(
        case,
        complaint,
        "library",
        f"the native library {name}",
        paths,
        Remedies(case).files(absent[:1], name, name=name),
        absent,
    )


def java_home(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a file of the Java runtime itself."""
    path = complaint.fact("path", "file")
    wanted = complaint.fact("name") or base(path)
    absent = lookups(
        case, lambda p: base(p) == wanted if wanted else "/lib/" in p and ("jvm" in p or "java" in p)
    )
    if not wanted:  # it looks for many files that are nowhere
        absent = there_in_full(case, absent) or owned(case, absent)
    there = there_in_full(case, [*([path] if path else []), *absent])
    paths = there or tuple(filter(None, (path,))) or absent[:1]
    if not paths or case.exists(paths[0]):
        return
    yield missing_module(
        case,
        complaint,
        "java-home",
        f"{paths[0]}, a part of the Java runtime,",
        paths,
        Remedies(case).files(paths, "java"),
        absent,
    )


def java_module(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a module that is missing from the runtime (jlink), or that --shrink has reduced."""
    name = complaint.fact("name")
    if (library := _shrunk(case, None, module=name)) is not None:
        yield _left_out(case, complaint, f"the module {name}", library)
        return
    yield finding(
        case,
        complaint,
        "java-module",
        f"this Java runtime was made without the module {name}.",
        (Remedy("jlink --add-modules {},... --output ...", name), *Remedies(case).installs((), "java")),
        sure=Sure.LIKELY,
        ground="the message says so",
    )


def java_recording(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a flight recording that does not start because --shrink left out classes of it."""
    if (library := _shrunk(case, None, module="jdk.jfr")) is not None:
        yield _left_out(case, complaint, "a part of flight recordings (jdk.jfr)", library)


def _shrunk(case: Case, is_class: Callable[[str], bool] | None, module: str = "") -> str | None:
    """Return the path of the class library from which --shrink removed a class or a part of a module."""
    if not case.files_known:
        return None
    for entry in find_all(case.view, ("modules",)):
        if not entry.path.endswith(LIBRARY) or entry.kind is not Kind.FILE or entry.size > SIZE_LIMIT:
            continue
        data = case.view.tree.read([(entry.path, 0, -1)])[0]
        try:
            names = JImage(data or b"").left_out()
        except UnknownImage:
            continue
        for name in names:
            owner, _, rest = name.removeprefix("/").partition("/")
            if owner == module or (is_class is not None and is_class(rest.removesuffix(".class"))):
                return entry.path
    return None


def _left_out(case: Case, complaint: Complaint, what: str, library: str) -> Finding:
    return finding(
        case,
        complaint,
        "java-class",
        f"{what} was left out of {library} when the image was made (--shrink java).",
        (Remedy("make the image again with --no-shrink java"),),
        ground="the library's index still has its name",
        paths=(library,),
    )


EXPLAINERS = {
    "java-class": java_class,
    "java-library": java_library,
    "java-home": java_home,
    "java-module": java_module,
    "java-recording": java_recording,
}
