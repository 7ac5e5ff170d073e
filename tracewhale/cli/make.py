"""``tracewhale make``: the images of a project file. ``tracewhale init``: a first project file."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click

from tracewhale.cli.options import form_option
from tracewhale.cli.progress import Progress
from tracewhale.cli.run import run
from tracewhale.cli.steps import STEPS
from tracewhale.cli.streams import echo
from tracewhale.cli.verb import verb
from tracewhale.engines.base import Request
from tracewhale.engines.registry import Engines
from tracewhale.errors import UsageError
from tracewhale.project.file import Vocabulary, find_file, read_project
from tracewhale.project.start import first_file, look_beside
from tracewhale.report.names import JSON

LOCK = "tracewhale.lock"
HIDDEN = ("step", "form")
"""Options of ``run`` that are not keys of a project file."""


def vocabulary() -> Vocabulary:
    """Return the possible keys of a project file: the options of ``tracewhale run``."""
    flags: set[str] = set()
    single: set[str] = set()
    many: set[str] = set()
    for param in run.params:
        name = next((word[2:] for word in param.opts if word.startswith("--")), "")
        if not isinstance(param, click.Option) or not name or param.name in HIDDEN or name in STEPS:
            continue
        if name == "rm":
            continue
        (flags if param.is_flag else many if param.multiple else single).add(name)
    return Vocabulary(frozenset(flags), frozenset(single), frozenset(many), frozenset(STEPS))


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a project file, for editors."""
    known = vocabulary()
    text = {"type": ["string", "number"]}
    texts = {"type": "array", "items": text}
    options = {
        run_option.opts[-1]: run_option for run_option in run.params if isinstance(run_option, click.Option)
    }

    def describe_target(name: str, value: dict[str, Any]) -> dict[str, Any]:
        option = options.get(f"--{name}")
        return value | ({"description": option.help} if option is not None and option.help else {})

    keys: dict[str, Any] = {name: describe_target(name, {"type": "boolean"}) for name in known.flags}
    keys |= {name: describe_target(name, text) for name in known.single}
    table = {"type": "object", "additionalProperties": text}
    keys |= {
        name: describe_target(name, {"anyOf": [{"type": "string"}, texts, table]}) for name in known.many
    }
    keys["command"] = {
        "type": "array",
        "items": {"type": "string"},
        "description": "Arguments, as for docker run.",
    }
    steps = {
        "type": "array",
        "description": "The steps that drive the target, in order.",
        "items": {
            "type": "object",
            "properties": {name: describe_target(name, text) for name in sorted(known.steps)},
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
    }
    image = {"type": "string", "description": "The image or other target, if it is not a service of compose."}
    target = {
        "type": "object",
        "properties": dict(sorted({**keys, "steps": steps, "image": image}.items())),
        "oneOf": [{"required": ["image"]}, {"required": ["compose", "service"]}],
        "additionalProperties": False,
    }
    defaults = {"type": "object", "properties": dict(sorted(keys.items())), "additionalProperties": False}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tracewhale.toml",
        "type": "object",
        "properties": {
            "targets": {"type": "object", "additionalProperties": target, "minProperties": 1},
            "defaults": defaults,
        },
        "required": ["targets"],
        "additionalProperties": False,
    }


@click.command("make")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--project", metavar="FILE", help="The project file [tracewhale.toml, else pyproject.toml].")
@click.option("--locked", is_flag=True, help="Fail if an image has paths that tracewhale.lock lacks.")
@click.option(
    "--schema", "wants_schema", is_flag=True, help="Print the project file's JSON Schema, for editors."
)
@form_option
@verb
def make(targets: tuple[str, ...], project: str | None, locked: bool, wants_schema: bool, form: str) -> None:
    """Make the images of a project file, or those of its TARGETs, and write tracewhale.lock.

    The first failure ends the work, with its exit code.
    """
    if wants_schema:
        echo(json.dumps(schema(), indent=2) + "\n")
        return
    path = os.path.abspath(project or find_file("."))
    project_file = read_project(path, vocabulary())
    for name in targets:
        if name not in project_file.targets:
            raise UsageError(
                f"{path} has no target {name}.", f"Its targets are {', '.join(sorted(project_file.targets))}."
            )
    os.chdir(os.path.dirname(path))
    for name in targets or project_file.targets:
        words = project_file.targets[name]
        ours = [] if any(word.startswith("--lock=") for word in words) else [f"--lock={LOCK}"]
        ours += ["--fail-on-new"] if locked else []
        Progress()(f"making {name}")
        context = click.get_current_context()
        ours += ["--json"] if form == JSON else []
        with run.make_context("run", [*ours, *words], parent=context) as inner:
            run.invoke(inner)


@click.command("init")
@click.argument("target")
@click.option(
    "-o",
    "--project",
    metavar="FILE",
    default="tracewhale.toml",
    show_default=True,
    help="The project file to write.",
)
@verb
def init(target: str, project: str) -> None:
    """Write a project file for TARGET from its image and from the files beside it.

    It uses the image's ports and health check, a Compose file with services of this image, and an OpenAPI
    document. FILE - is standard output.
    """
    if os.path.exists(project):
        raise UsageError(f"{project} exists already.", "Remove it, or name another file with -o.")
    progress = Progress()
    with Engines(progress).open(target, Request(command=("true",))) as opened:
        beside = look_beside(os.path.dirname(os.path.abspath(project)))
        text = first_file(target, opened.config.get("config") or {}, beside)
    progress.clear()
    if project == "-":
        echo(text)
        return
    try:
        with open(project, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{project} cannot be written: {error.strerror}.", "Name another place.") from error
    sys.stderr.write(f"tracewhale: wrote {project}; look at it, then run `tracewhale make`\n")
