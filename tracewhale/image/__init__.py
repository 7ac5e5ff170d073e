"""The new image: its configuration, its one deterministic layer, and the forms in which it is handed over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from tracewhale.image.config import AS_IT_WAS, Overrides, created_time, digest, new_config
from tracewhale.image.layer import Layer, layer_order, pack_layer, with_parents, write_layer
from tracewhale.image.spool import spool
from tracewhale.tree import Packed

__all__ = [
    "Image",
    "Layer",
    "Overrides",
    "layer_order",
    "pack_layer",
    "with_parents",
    "write_image",
    "write_layer",
]


@dataclass(frozen=True, slots=True)
class Image:
    """An image ready to be handed over: its configuration's bytes, and its layers with their open tars."""

    config: bytes
    layers: tuple[tuple[Layer, BinaryIO], ...]

    @property
    def digest(self) -> str:
        """The image's identity, as Docker has it: the digest of its configuration."""
        return digest(self.config)

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """What an image cannot hold, as pairs of a path and why."""
        return tuple(pair for layer, _ in self.layers for pair in layer.left_out)


@contextmanager
def write_image(
    packed: Iterable[Packed],
    original: Mapping[str, Any],
    *,
    created_by: str = "tracewhale",
    overrides: Overrides = AS_IT_WAS,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[Image]:
    """Make an image of packed entries (in `layer_order`) and an original's configuration.

    Its layer is spooled to a file without a name that is gone after the ``with`` statement. Of the
    environment SOURCE_DATE_EPOCH counts. Raises NoSpace, ImageContentError, UsageError.
    """
    created = created_time(original, environ)
    with spool() as file:
        layer = write_layer(packed, file)
        config = new_config(
            original, [layer.diff_id], created=created, created_by=created_by, overrides=overrides
        )
        yield Image(config, ((layer, file),))
