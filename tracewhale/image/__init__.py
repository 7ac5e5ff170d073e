"""The new image: its configuration, its deterministic layers, and its output formats."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from tracewhale.image.config import AS_IT_WAS, Overrides, created_time, digest, new_config, overridden
from tracewhale.image.layer import Layer, write_layer
from tracewhale.rootfs.tempfiles import spool
from tracewhale.rootfs.tree import PackedEntry

__all__ = [
    "Image",
    "Layer",
    "Overrides",
    "write_layer",
    "write_layers",
]


@dataclass(frozen=True, slots=True)
class Image:
    """A complete image: the bytes of its configuration, and its layers with their open tars.

    ``annotations`` are for its manifest, if the output format has one.
    """

    config: bytes
    layers: tuple[tuple[Layer, BinaryIO], ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The image's identity, as in Docker: the digest of its configuration."""
        return digest(self.config)

    def configured(self, overrides: Overrides) -> Image:
        """Return the same layers with another configuration."""
        config = json.loads(self.config)
        return replace(self, config=overridden(config, overrides))

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """Paths that an image cannot hold, as pairs of a path and why."""
        return tuple(pair for layer, _ in self.layers for pair in layer.left_out)


@contextmanager
def write_layers(
    groups: Iterable[Iterable[PackedEntry]],
    original: Mapping[str, Any],
    *,
    created_by: str = "tracewhale",
    overrides: Overrides = AS_IT_WAS,
    environ: Mapping[str, str] = os.environ,
    annotations: Mapping[str, str] = {},
) -> Iterator[Image]:
    """Make an image of layers, each given as packed entries in `layer_order`, and an original's
    configuration.

    Its layers are spooled to files without names, which are gone after the ``with`` statement. The only
    variable used is SOURCE_DATE_EPOCH. Raise NoSpace, ImageContentError, UsageError.
    """
    created = created_time(original, environ)
    with ExitStack() as stack:
        layers: list[tuple[Layer, BinaryIO]] = []
        for packed in groups:
            file = stack.enter_context(spool())
            layers.append((write_layer(packed, file), file))
        diff_ids = [layer.diff_id for layer, _ in layers]
        config = new_config(original, diff_ids, created=created, created_by=created_by, overrides=overrides)
        yield Image(config, tuple(layers), dict(annotations))
