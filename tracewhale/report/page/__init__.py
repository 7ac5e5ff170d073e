"""A report as one HTML file that needs no network: it contains its data, style and script."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from tracewhale.printable import printable
from tracewhale.report.document import ReportDocument, ReportedPackage
from tracewhale.report.page.charts import Bar, curve, levels, time_line
from tracewhale.report.page.encode import encode
from tracewhale.report.sizes import human

__all__ = ["render"]

MOST = 300
"""The most names of a list that are shown; the rest is only counted."""


def render(document: ReportDocument) -> str:
    """Return the page. Names of an image are text in it, and only the page's own script runs."""
    style, script = _resource("page.css"), _resource("page.js")
    environment = Environment(
        loader=DictLoader({"page.html": _resource("page.html")}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {"human": human, "capital": lambda text: text[:1].upper() + text[1:]}
    complete, parts, left_out = _sorted(document.packages)
    return environment.get_template("page.html").render(
        d=document,
        data=_data(document),
        style=Markup(style),
        script=Markup(script),
        style_digest=_digest(style),
        script_digest=_digest(script),
        most=MOST,
        packages=(("In whole", complete), ("In part", parts), ("Nothing of them", left_out)),
        chart=curve(document.growth),
        time_line=time_line(document.opened),
        levels=levels(document.levels, document.level),
        before=_before(document),
        later=[unit for unit in document.units if unit.left_out][:MOST],
    )


def _data(document: ReportDocument) -> str:
    """Return the data as base64 of zlib's format (RFC 1950) of JSON, which a browser's DecompressionStream
    reads.

    This is a tenth of the JSON's size, and its letters cannot end an element or begin a comment.
    """
    text = json.dumps(encode(document), ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def _resource(name: str) -> str:
    return files("tracewhale.report.page").joinpath(name).read_text("utf-8")


def _digest(text: str) -> str:
    """Return a hash-source of Content Security Policy (CSP3, 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(value: Any) -> Any:
    return printable(value) if type(value) is str else value


def _sorted(
    packages: tuple[ReportedPackage, ...],
) -> tuple[list[ReportedPackage], list[ReportedPackage], list[ReportedPackage]]:
    kept = [package for package in packages if package.files]
    return (
        [package for package in kept if package.complete is not False],
        [package for package in kept if package.complete is False],
        [package for package in packages if not package.files],
    )


def _before(document: ReportDocument) -> Bar | None:
    """Return the sizes of both images as a bar, or None if the original's is unknown."""
    if document.sizes is not None and document.sizes[0]:
        original, new = document.sizes
    elif document.places is not None:
        original, new = document.kept_size + document.removed_size, document.kept_size
    else:
        return None
    return Bar(document.name, new, 100 * new / original if original else 100.0, str(original))
