"""Messages about classes, native libraries and the runtime of Java."""

from __future__ import annotations

import os
from collections.abc import Iterator

from tracewhale.diagnosis.explain.common import (
    base,
    finding,
    lookups,
    there_in_full,
)
from tracewhale.diagnosis.explain.modules import missing_module
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Remedy, Sure
from tracewhale.diagnosis.remedies import Remedies
from tracewhale.diagnosis.search import find_all


def java_class(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a class that nothing on the class path has."""
    name = complaint.fact("name")
    file = f"{name.replace('.', '/')}.class"
    asked = lookups(case, lambda p: p.endswith((".jar", f"/{file}")) and "/jvm/" not in p)
    there = there_in_full(case, asked)
    yield missing_module(
        case,
        complaint,
        "java-class",
        f"the class {name}",
        there or asked,
        [Remedy(f"COPY the jar that has {name}, and name it in the class path (-cp)")],
        asked,
    )


def java_library(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a native library that System.loadLibrary looks for."""
    name = f"lib{complaint.fact('name')}.so"
    asked = lookups(case, lambda p: base(p) == name)
    paths = list(asked)
    if case.full is not None:
        paths += [e.path for e in find_all(case.full, (name,))]
    ours = [e.path for e in find_all(case.view, (name,))]
    if ours and not there_in_full(case, paths):
        remedy = Remedy(f"-e JAVA_TOOL_OPTIONS=-Djava.library.path={os.path.dirname(ours[0])}")
        yield finding(
            case,
            complaint,
            "library-path",
            f"{ours[0]} is where java.library.path does not lead.",
            (Remedy(f"ENV LD_LIBRARY_PATH={os.path.dirname(ours[0])}"), remedy),
        )
        return
    yield missing_module(
        case,
        complaint,
        "library",
        f"the native library {name}",
        paths,
        Remedies(case).files(asked[:1], name, name=name),
        asked,
    )


def java_home(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a file of the Java runtime itself."""
    named = complaint.fact("path", "file")
    wanted = complaint.fact("name") or base(named)
    asked = lookups(
        case, lambda p: base(p) == wanted if wanted else "/lib/" in p and ("jvm" in p or "java" in p)
    )
    there = there_in_full(case, [*([named] if named else []), *asked])
    paths = there or tuple(filter(None, (named,))) or asked[:1]
    if not paths or case.exists(paths[0]):
        return
    yield missing_module(
        case,
        complaint,
        "java-home",
        f"{paths[0]}, a part of the Java runtime,",
        paths,
        Remedies(case).files(paths, "java"),
        asked,
    )


def java_module(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a module that the runtime was made without (jlink)."""
    name = complaint.fact("name")
    yield finding(
        case,
        complaint,
        "java-module",
        f"this Java runtime was made without the module {name}.",
        (Remedy(f"jlink --add-modules {name},... --output ..."), *Remedies(case).installs((), "java")),
        sure=Sure.LIKELY,
        ground="the message says so",
    )


EXPLAINERS = {
    "java-class": java_class,
    "java-library": java_library,
    "java-home": java_home,
    "java-module": java_module,
}
