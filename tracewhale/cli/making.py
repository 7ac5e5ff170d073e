"""Options for the new image and its configuration, for the verbs that make an image."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import click

from tracewhale.cli.declare import apply, many
from tracewhale.cli.options import LICENCES
from tracewhale.errors import UsageError
from tracewhale.image import Overrides, sbom
from tracewhale.image.recipe import Recipe

SHOWN = ("include", "exclude", "no_rule")
"""Options that are stored in the new image's label, because they name nothing outside of the image."""

making_options = apply(
    click.option(
        "--layers",
        type=click.IntRange(1, 100),
        default=1,
        show_default=True,
        metavar="N",
        help="Make at most N layers, by package: images made from one base share them.",
    ),
    click.option("--sbom", metavar="FILE", default="", help="Write an SBOM of the new image."),
    click.option("--sbom-in-image", is_flag=True, help="Put an SBOM into the new image."),
    click.option(
        "--sbom-format",
        type=click.Choice(sbom.FORMATS),
        help="SPDX 2.3 or CycloneDX 1.6, in JSON [cyclonedx for FILEs such as *.cdx.json, else spdx].",
    ),
    many("--image-label", metavar="NAME=VALUE", help="Add a label to the new image."),
    many("--image-env", metavar="NAME=VALUE", help="Set an environment variable in the new image."),
    click.option("--image-entrypoint", metavar="WORDS", help="The new image's ENTRYPOINT, or a JSON list."),
    click.option("--image-cmd", metavar="WORDS", help="The new image's CMD, or a JSON list."),
    click.option("--image-user", metavar="USER[:GROUP]", help="The new image's USER."),
    click.option("--image-workdir", metavar="DIR", help="The new image's WORKDIR."),
    many("--image-expose", metavar="PORT[/PROTOCOL]", help="Expose a port in the new image."),
)
"""Options of the verbs that make an image. ``--image-`` options are for its configuration, not for the traced
run."""


def recipe(parameters: dict[str, Any]) -> Recipe:
    """Return the recipe of the new image. Raise UsageError for a value that is not valid."""
    if parameters["sbom_format"] and not (parameters["sbom"] or parameters["sbom_in_image"]):
        raise UsageError("--sbom-format needs a place for the SBOM.", "Add --sbom FILE or --sbom-in-image.")
    form = parameters["sbom_format"] or sbom.form_of(parameters["sbom"])
    if parameters["sbom"] or parameters["sbom_in_image"]:
        sbom.check(form)
    return Recipe(
        overrides=Overrides(
            labels=_pairs("--image-label", parameters["image_label"]),
            env=_pairs("--image-env", parameters["image_env"]),
            entrypoint=_words("--image-entrypoint", parameters["image_entrypoint"]),
            cmd=_words("--image-cmd", parameters["image_cmd"]),
            user=_user(parameters["image_user"]),
            workdir=_directory(parameters["image_workdir"]),
            expose=tuple(_port(port) for port in parameters["image_expose"]),
        ),
        layers=parameters["layers"],
        sbom_file=parameters["sbom"],
        sbom_inside=parameters["sbom_in_image"],
        form=form,
        words=_describe(parameters, form),
    )


def _describe(parameters: dict[str, Any], form: str) -> tuple[str, ...]:
    words = [
        word
        for name in SHOWN
        for value in sorted(parameters[name])
        for word in (f"--{name.replace('_', '-')}", value)
    ]
    if parameters["keep_package_docs"] != LICENCES:
        words += ["--keep-package-docs", parameters["keep_package_docs"]]
    if parameters["layers"] != 1:
        words += ["--layers", str(parameters["layers"])]
    if parameters["sbom_in_image"]:
        words += ["--sbom-in-image", "--sbom-format", form]
    return tuple(words)


def _pairs(option: str, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not name or not equals:
            raise UsageError(f"{option} {value} is not of the form NAME=VALUE.", "Give both, such as A=b.")
        pairs[name] = rest
    return pairs


def _words(option: str, value: str | None) -> tuple[str, ...] | None:
    """Return words as a shell would split them, or those of a JSON list; none for an empty text."""
    if value is None:
        return None
    try:
        words = json.loads(value) if value.lstrip().startswith("[") else shlex.split(value)
    except ValueError as error:
        raise UsageError(f"{option} {value}: {error}", 'Quote it, or give a JSON list: ["a", "b"]') from error
    if not all(isinstance(word, str) for word in words):
        raise UsageError(
            f"{option} {value} is not a list of strings.", 'Give a JSON list such as ["a", "b"].'
        )
    return tuple(words)


def _user(text: str | None) -> str | None:
    if text and not re.fullmatch(r"[^\s:]+(:[^\s:]+)?", text):
        raise UsageError(
            f"--image-user {text!r} is not a user.", "Give USER or USER:GROUP, names or numbers."
        )
    return text


def _directory(text: str | None) -> str | None:
    if text and not text.startswith("/"):
        raise UsageError(f"--image-workdir {text} is not an absolute path.", "Give an absolute path.")
    return text


def _port(text: str) -> str:
    port, slash, protocol = text.partition("/")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536) or (
        slash and protocol not in ("tcp", "udp", "sctp")
    ):
        raise UsageError(f"--image-expose {text} is not a port.", "Give one such as 8080 or 53/udp.")
    return text
