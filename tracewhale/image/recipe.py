"""Make an image of a plan: its layers, and the differences of its configuration from the original's."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from tracewhale import __version__
from tracewhale.errors import UsageError
from tracewhale.image import Image, Overrides, sbom, write_layers
from tracewhale.image.archive import write_archive
from tracewhale.image.config import created_time
from tracewhale.image.packing import layers, pack
from tracewhale.plan.generated_files import SECOND, added, has_place
from tracewhale.plan.model import Plan
from tracewhale.plan.reasons import Reason, Why
from tracewhale.rootfs.tempfiles import check_space
from tracewhale.rootfs.tree import PackedEntry, View
from tracewhale.why import from_plan, label

VERSION, OPTIONS = "tracewhale.version", "tracewhale.options"
BASE_NAME, BASE_DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
"""The annotations of the image from which the new one is made (OCI image-spec, annotations.md)."""

SBOM_PATH = "/var/lib/db/sbom/tracewhale"
"""The path of an SBOM in an image, without its ending: beside those of apko and melange."""


@dataclass(frozen=True, slots=True)
class Original:
    """The original of an image. ``name`` is empty if others cannot know it, such as that of a file."""

    name: str
    digest: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The user's requests for the new image.

    ``words`` are the options that made it, as on a command line, without those that belong to one machine or
    are secret. ``layers`` is the most layers that it may have. ``sbom_file`` is where an SBOM of the form
    ``form`` is written; ``sbom_inside`` puts one into the image.
    """

    overrides: Overrides = Overrides()
    layers: int = 1
    words: tuple[str, ...] = ()
    sbom_file: str = ""
    sbom_inside: bool = False
    form: str = sbom.SPDX


PLAIN = Recipe()
"""One layer, and the original's configuration."""


@dataclass(frozen=True, slots=True)
class WrittenImage:
    """An image with its plan and the digests of its files."""

    image: Image
    plan: Plan
    digests: sbom.Digests
    created: str | None


def check(recipe: Recipe) -> None:
    """Raise UsageError if the recipe's SBOM could not be written in the end."""
    if recipe.sbom_file or recipe.sbom_inside:
        sbom.check(recipe.form)
    directory = os.path.dirname(recipe.sbom_file) or "."
    if recipe.sbom_file and not os.path.isdir(directory):
        raise UsageError(
            f"--sbom {recipe.sbom_file}: {directory} is not a directory.", "Name a file in one that exists."
        )


def reserve(
    view: View, plan: Plan, original: Original, recipe: Recipe, environ: Mapping[str, str] = os.environ
) -> Plan:
    """Return the plan with an empty file in the place of an SBOM inside the image, if there is one.

    The SBOM's contents are known only when all other files have been read. Raise UsageError if the image has
    no place for it.
    """
    if not recipe.sbom_inside:
        return plan
    place = _place(recipe)
    if not has_place(view, place):
        raise UsageError(
            f"--sbom-in-image: the image has something else where {place} should be.",
            "Write the SBOM beside the image: --sbom FILE.",
        )
    reason = Reason(Why.PACKAGE.value, "the image", "SBOM")
    created = created_time(original.config, environ)
    mtime_ns = int(sbom.moment(created).timestamp()) * SECOND
    return replace(
        plan, kept={**plan.kept, **added(view, plan.kept, place, reason, content=b"", mtime_ns=mtime_ns)}
    )


@contextmanager
def write(
    view: View, plan: Plan, original: Original, recipe: Recipe, environ: Mapping[str, str] = os.environ
) -> Iterator[WrittenImage]:
    """Write the layers of a plan, with a configuration that runs as the original's does.

    The user's overrides come last (`override`), so verification runs the traced configuration. An SBOM inside
    must have its place in the plan (`reserve`). Raise NoSpace.
    """
    check_space(_size(plan))
    config = original.config.get("config") or {}
    facts = provenance(original, recipe)
    labels = {name: value for name, value in facts.items() if name not in (config.get("Labels") or {})}
    labels[label.LABEL] = label.encode(from_plan(plan))
    created = created_time(original.config, environ)
    digests = sbom.Digests()
    place = _place(recipe) if recipe.sbom_inside else ""
    contents: dict[str, bytes] = {}

    def packed_sbom() -> Iterator[PackedEntry]:
        contents[place] = sbom.dumps(describe(plan, digests, original, created), recipe.form)
        entry = replace(plan.kept[place].entry, size=len(contents[place]))
        yield PackedEntry(entry, {}, iter((contents[place],)))

    def groups() -> Iterator[Iterator[PackedEntry]]:
        for paths in layers(plan, recipe.layers):  # the SBOM is of no package, so in the last of them
            items = pack(view.tree, plan, [path for path in paths if path != place])
            watched = digests.watch(items) if recipe.sbom_file or place else items
            yield chain(watched, packed_sbom()) if place in paths else watched

    with write_layers(
        groups(),
        original.config,
        overrides=Overrides(labels=labels | dict(recipe.overrides.labels)),
        environ=environ,
        annotations=facts,
    ) as image:
        yield WrittenImage(image, _fill(plan, contents), digests, created)


def _size(plan: Plan) -> int:
    """Return the bytes of a plan's files, each once; holes are written out as zeros."""
    files = {
        (kept.entry.device, kept.entry.inode or path): kept.entry.size for path, kept in plan.kept.items()
    }
    return sum(files.values())


def _place(recipe: Recipe) -> str:
    return f"{SBOM_PATH}{sbom.ENDINGS[recipe.form]}"


def _fill(plan: Plan, contents: Mapping[str, bytes]) -> Plan:
    """Return the plan with the contents of reserved files."""
    kept = dict(plan.kept)
    for path, content in contents.items():
        entry = replace(kept[path].entry, size=len(content))
        kept[path] = replace(kept[path], entry=entry, content=content)
    return replace(plan, kept=kept)


def describe(
    plan: Plan,
    digests: sbom.Digests,
    original: Original,
    created: str | None,
    *,
    name: str = "",
    image: str = "",
) -> sbom.Sbom:
    """Return the contents of an image. An SBOM inside it has neither its name nor its digest."""
    base = "@".join(filter(None, (original.name, original.digest)))
    name = name or f"made from {original.name or original.digest or 'a directory'}"
    return sbom.describe(plan, digests.digests, name=name, version=image, base=base, created=created)


def write_sbom(written: WrittenImage, original: Original, recipe: Recipe, name: str, image: str) -> None:
    """Write the SBOM to the user's file. Raise UsageError, NoSpace."""
    if recipe.sbom_file:
        document = describe(written.plan, written.digests, original, written.created, name=name, image=image)
        write_archive(iter((sbom.dumps(document, recipe.form),)), recipe.sbom_file)


def override(image: Image, recipe: Recipe) -> Image | None:
    """Return the same layers with the user's configuration, or None if the image already has it."""
    if replace(recipe.overrides, labels={}) == Overrides():
        return None
    return image.configured(recipe.overrides)


def provenance(original: Original, recipe: Recipe) -> dict[str, str]:
    """Return labels with the origin of the image and the options: the same for the same original and
    options."""
    words = shlex.join(recipe.words).encode("utf-8", "backslashreplace").decode()
    facts = {VERSION: __version__, OPTIONS: words}
    facts |= {BASE_NAME: original.name, BASE_DIGEST: original.digest}
    return {name: value for name, value in facts.items() if value}
