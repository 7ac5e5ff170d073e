"""Write a first project file from the facts about an image and the files beside it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
"""Names of Compose files, in the order in which Compose looks for them."""

DOCUMENTS = tuple(
    f"{place}{name}.{ending}"
    for place in ("", "docs/", "api/")
    for name in ("openapi", "swagger")
    for ending in ("json", "yaml", "yml")
)
"""The usual paths of an OpenAPI document."""

LONGEST = 1 << 20
"""The most bytes of a Compose file that are read."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Files beside a project file: a Compose file with the image of each service, an OpenAPI document."""

    compose: str = ""
    services: Mapping[str, str] = field(default_factory=dict)
    document: str = ""


def look_beside(directory: str) -> Beside:
    """Return the files of a directory that a project file can name; an invalid Compose file is ignored."""
    document = next((name for name in DOCUMENTS if os.path.isfile(os.path.join(directory, name))), "")
    for name in COMPOSE:
        try:
            with open(os.path.join(directory, name), "rb") as file:
                value = yaml.safe_load(file.read(LONGEST))
        except (OSError, yaml.YAMLError, RecursionError, ValueError):
            continue
        services = value.get("services") if isinstance(value, dict) else None
        if isinstance(services, dict):
            images = {
                str(name): str(service["image"])
                for name, service in services.items()
                if isinstance(service, dict) and service.get("image")
            }
            return Beside(name, images, document)
    return Beside(document=document)


NOTHING = Beside()


def first_file(image: str, config: Mapping[str, Any], beside: Beside = NOTHING) -> str:
    """Return a project file's text for an image, or for the services of a Compose file that use it.

    ``config`` is the member ``config`` of the image configuration (OCI image-spec, config.md).
    """
    return "".join(f"{line}\n" for line in _lines(image, config, beside))


def _lines(image: str, config: Mapping[str, Any], beside: Beside) -> Iterator[str]:
    yield "# Make it with `tracewhale make`. Keys are the long options of `tracewhale run`."
    services = [name for name, other in beside.services.items() if _tagged(other) == _tagged(image)]
    for service in services or [""]:
        yield from _target(image, service, config, beside)


def _tagged(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] else f"{image}:latest"


def _target(image: str, service: str, config: Mapping[str, Any], beside: Beside) -> Iterator[str]:
    ports = sorted(
        int(name.partition("/")[0])
        for name in config.get("ExposedPorts") or {}
        if re.fullmatch(r"\d{1,5}(/tcp)?", name)
    )
    name = service or _name(image)
    yield ""
    yield f"[targets.{json.dumps(name)}]"
    if service:
        yield f"compose = {json.dumps(beside.compose)}"
        yield f"service = {json.dumps(service)}"
    else:
        yield f"image = {json.dumps(image)}"
    yield f"tag = {json.dumps(_name(name) + ':slim')}"
    if config.get("Healthcheck"):
        yield "# The image has a health check, which is awaited before the first step."
    steps = ['{ http = "/" }', "{ crawl = 2 }"] if ports else []
    if beside.document and ports:
        steps.append(f"{{ openapi = {json.dumps(beside.document)} }}")
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
    """Return the last component of an image's name, which may be a file or a container."""
    words = re.split(r"[/:@]", image.partition(":")[2] if image.startswith(("oci:", "rootfs:")) else image)
    last = image.rpartition("/")[2].partition("@")[0].partition(":")[0] or words[-1]
    return re.sub(r"[^a-z0-9_.-]", "-", last.lower()).strip("-._") or "image"
