"""How an image is made of a plan: its layers, and what its configuration says beside the original's."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from tracewhale import __version__
from tracewhale.image import Image, Overrides, write_layers
from tracewhale.packing import layers, packed
from tracewhale.plan import Plan
from tracewhale.tree import Tree

VERSION, OPTIONS = "tracewhale.version", "tracewhale.options"
BASE_NAME, BASE_DIGEST = "org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"
"""Of the image that the new one is made from (OCI image-spec, annotations.md)."""


@dataclass(frozen=True, slots=True)
class Original:
    """What an image is made from. ``name`` is empty where others cannot know it, as that of a file."""

    name: str
    digest: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the user asks of the new image.

    ``words`` are the options that made it as they are written on a command line, without what belongs to
    one machine or is secret. ``layers`` is the most that there may be.
    """

    overrides: Overrides = Overrides()
    layers: int = 1
    words: tuple[str, ...] = ()


PLAIN = Recipe()
"""One layer, and the original's configuration."""


@contextmanager
def write(
    tree: Tree, plan: Plan, original: Original, recipe: Recipe, environ: Mapping[str, str] = os.environ
) -> Iterator[Image]:
    """Write the layers of a plan, under a configuration that runs as the original's does.

    What the user overrides of that comes last (`overridden`): what is verified is what was traced.
    """
    config = original.config.get("config") or {}
    facts = provenance(original, recipe)
    labels = {name: value for name, value in facts.items() if name not in (config.get("Labels") or {})}
    with write_layers(
        (packed(tree, plan, paths) for paths in layers(plan, recipe.layers)),
        original.config,
        overrides=Overrides(labels=labels | dict(recipe.overrides.labels)),
        environ=environ,
        annotations=facts,
    ) as image:
        yield image


def overridden(image: Image, recipe: Recipe) -> Image | None:
    """The same layers under the configuration that the user wants; None when it is that already."""
    if replace(recipe.overrides, labels={}) == Overrides():
        return None
    return image.configured(recipe.overrides)


def provenance(original: Original, recipe: Recipe) -> dict[str, str]:
    """Labels that tell what the image was made from and how: the same for the same original and options."""
    words = shlex.join(recipe.words).encode("utf-8", "backslashreplace").decode()
    facts = {VERSION: __version__, OPTIONS: words}
    facts |= {BASE_NAME: original.name, BASE_DIGEST: original.digest}
    return {name: value for name, value in facts.items() if value}
