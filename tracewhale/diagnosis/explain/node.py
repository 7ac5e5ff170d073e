"""Messages about modules and addons of Node."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace

from tracewhale.diagnosis.absence import absence
from tracewhale.diagnosis.explain.common import (
    base,
    finding,
    lookups,
    there_in_full,
)
from tracewhale.diagnosis.explain.modules import SearchPath, missing_module
from tracewhale.diagnosis.explain.users import permission
from tracewhale.diagnosis.messages import Complaint
from tracewhale.diagnosis.model import Case, Finding, Sure, searched
from tracewhale.diagnosis.remedies import Remedies, install
from tracewhale.diagnosis.remedy import Remedy
from tracewhale.diagnosis.search import find_below
from tracewhale.rootfs.tree import Kind


def node_module(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain a module that require() or import did not find."""
    name, by = complaint.fact("name"), complaint.fact("by").removeprefix("file://")
    if name.startswith("/"):
        words = [word for word in case.argv[1:] if not word.startswith(("-", "/"))]
        given = next((w for w in words if os.path.normpath(os.path.join(case.directory, w)) == name), "")
        if given and (copy := next(find_below(case.view, (os.path.normpath(given),)), None)) is not None:
            ways = (Remedy("WORKDIR {}", copy[0]), Remedy("--workdir {}", copy[0]))
            cause = f"{given} is looked for in {case.directory}, and the image has it at {copy[1]}."
            yield finding(case, complaint, "workdir", cause, ways)
            return
        if case.exists(name):
            yield from permission(case, replace(complaint, facts={"path": name}))
            return
        paths = [name, f"{name}.js", f"{name}/index.js", f"{name}/package.json"]
        why = absence(case, name)
        yield missing_module(
            case,
            complaint,
            "node-module",
            f"the file {why.missing if why else name}",
            paths,
            Remedies(case).files((name,)),
        )
        return
    if name.startswith("."):
        needer = by or _required_by(case, complaint)
        if (copied := _copied_link(case, complaint, needer, name)) is not None:
            yield copied
            return
        stem = os.path.normpath(os.path.join(os.path.dirname(needer or "/"), name))
        paths = [stem, f"{stem}.js", f"{stem}.json", f"{stem}.node", f"{stem}/index.js", f"{stem}.mjs"]
        package = _node_package(stem)
        fallback = [install("npm", package)] if package else list(Remedies(case).files((f"{stem}.js",)))
        yield missing_module(
            case, complaint, "node-module", f"{stem}, which {needer} requires,", paths, fallback
        )
        return
    words = name.split("/")
    package = "/".join(words[: 2 if name.startswith("@") else 1])
    absent = lookups(case, lambda path: path.endswith(f"/{package}") or f"/{package}/" in path)
    needer = by or _required_by(case, complaint)
    above = _above(os.path.dirname(needer) if needer else case.directory)
    places = [f"{d.rstrip('/')}/node_modules/{package}" for d in above]
    places += [f"{d}/{package}" for d in case.environment.get("NODE_PATH", "").split(":") if d]
    inside = (
        [f"{place}/{'/'.join(words[len(package.split('/')) :])}" for place in places]
        if name != package
        else []
    )
    paths = [p for p in (*places, *inside, *absent) if not p.endswith(".json")]
    dangling = next(
        (p for p in places if case.view.resolve(p, follow=False).exists and not case.exists(p)), ""
    )
    if dangling and (why := absence(case, dangling)) is not None:
        remedies = [*Remedies(case).files((why.missing,)), install("npm", package)]
        cause = f"{why.words}: pnpm and npm link packages, and COPY took the link alone."
        yield finding(case, complaint, "node-module", cause, remedies, paths=(why.missing,))
        return
    search = SearchPath((f"node_modules/{package}/package.json",), "NODE_PATH", other=())
    fallback = [install("npm", package)]
    what = f"the Node package {package}"
    yield missing_module(case, complaint, "node-module", what, paths, fallback, absent, search)


def _copied_link(case: Case, complaint: Complaint, needer: str, name: str) -> Finding | None:
    """Return the finding for a program of ``node_modules/.bin`` that is a copy, not a link."""
    directory = os.path.dirname(needer)
    entry = case.view.resolve(needer, follow=False).entry if needer else None
    if not directory.endswith("/node_modules/.bin") or entry is None or entry.kind is not Kind.FILE:
        return None
    link = case.full.resolve(needer, follow=False).entry if case.full is not None else None
    target = link.target if link is not None and link.kind is Kind.SYMLINK else ""
    remedies = [Remedy("npm rebuild", note="which makes the links of .bin again")]
    if target and case.exists(os.path.normpath(f"{directory}/{target}")):
        remedies.insert(0, Remedy("ln -sf {} {}", target, needer))
    cause = f"{needer} is a copy of what npm links to, and looks for {name} beside itself."
    return finding(case, complaint, "node-module", cause, remedies)


def _above(directory: str) -> list[str]:
    directories = [directory]
    while directory != "/":
        directory = os.path.dirname(directory)
        directories.append(directory)
    return directories


def _node_package(path: str) -> str:
    rest = path.rpartition("/node_modules/")[2] if "/node_modules/" in path else ""
    words = rest.split("/")
    return "/".join(words[: 2 if rest.startswith("@") else 1]) if rest else ""


def _required_by(case: Case, complaint: Complaint) -> str:
    """Return the first entry of Node's "Require stack"."""
    lines = case.output.splitlines()
    for number, line in enumerate(lines):
        if line.strip() == complaint.line:
            stack = re.search(r"Require stack:\s*- (\S+)", "\n".join(lines[number : number + 4]))
            return stack[1] if stack else ""
    return ""


def node_addon(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain an addon that was built for another Node, or whose package for this platform is missing."""
    path, platform = complaint.fact("path"), complaint.fact("name")
    if path:
        package = _node_package(path) or base(path)
        yield finding(
            case,
            complaint,
            "node-addon",
            f"{path} was built for another version of Node.",
            (Remedy("npm rebuild {:package}", package),),
            sure=Sure.LIKELY,
            ground="the message says so",
        )
        return
    absent = lookups(case, lambda p: "/@img/" in p or p.endswith(".node"))
    there = there_in_full(case, absent)
    remedies = [
        *Remedies(case).copies(there),
        Remedy("npm install --os=linux --cpu={} sharp", platform.split("-")[-1]),
    ]
    yield finding(
        case,
        complaint,
        "node-addon",
        f"sharp's binary package for {platform} is not in the image.",
        remedies,
        evidence=searched(absent),
        paths=there,
    )


def node_type(case: Case, complaint: Complaint) -> Iterator[Finding]:
    """Explain an ES module that Node reads as CommonJS because no package.json declares its type."""
    absent = lookups(case, lambda path: path.endswith("/package.json"))
    there = there_in_full(case, absent)
    remedies = [*Remedies(case).copies(there), Remedy("COPY package.json ./"), Remedy("the ending .mjs")]
    place = there[0] if there else "package.json beside or above it"
    cause = f'an ES module is taken for CommonJS, as no {place} says "type": "module".'
    sure = Sure.YES if there else Sure.LIKELY
    yield finding(
        case, complaint, "node-type", cause, remedies, sure=sure, evidence=searched(absent), paths=there
    )


EXPLAINERS = {
    "node-type": node_type,
    "node-module": node_module,
    "node-addon": node_addon,
}
