"""A first project file, written from what can be seen of an image."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any


def first_file(image: str, config: Mapping[str, Any]) -> str:
    """Write a project file's text for an image.

    ``config`` is the image configuration (OCI image-spec, config.md).
    """
    return "".join(f"{line}\n" for line in _lines(image, config))


def _lines(image: str, config: Mapping[str, Any]) -> Iterator[str]:
    ports = sorted(
        int(name.partition("/")[0])
        for name in config.get("ExposedPorts") or {}
        if re.fullmatch(r"\d{1,5}(/tcp)?", name)
    )
    yield "# Make it with `tracewhale make`. Keys are the long options of `tracewhale run`."
    yield ""
    yield f"[targets.{json.dumps(_name(image))}]"
    yield f"image = {json.dumps(image)}"
    yield f"tag = {json.dumps(_name(image) + ':slim')}"
    if config.get("Healthcheck"):
        yield "# The image has a health check, which is awaited before the first step."
    steps = ['{ http = "/" }', "{ crawl = 2 }"] if ports else []
    if len(ports) > 1:
        others = ", ".join(map(str, ports))
        yield f'# It exposes ports {others}: {{ http = ":PORT/" }} is for another one than the first.'
    if steps:
        yield "steps = ["
        yield from (f"  {step}," for step in steps)
        yield "]"
    else:
        yield "# It exposes no port: without arguments its own command is run to its end."
        yield '# command = ["--help"]'


def _name(image: str) -> str:
    """The last word of an image's name: a file's or a container's, too."""
    words = re.split(r"[/:@]", image.partition(":")[2] if image.startswith(("oci:", "rootfs:")) else image)
    last = image.rpartition("/")[2].partition("@")[0].partition(":")[0] or words[-1]
    return re.sub(r"[^a-z0-9_.-]", "-", last.lower()).strip("-._") or "image"
