"""Images and layers in one call, for tests that need no more than one layer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from tracewhale.image import Image, Layer, Overrides, write_layer, write_layers
from tracewhale.image.config import AS_IT_WAS
from tracewhale.image.layer import Writable
from tracewhale.rootfs.layer_entries import layer_order, with_parents
from tracewhale.rootfs.tree import PackedEntry, Tree


def pack_layer(tree: Tree, paths: Iterable[str], out: Writable) -> Layer:
    """Write the layer of some physical paths of a tree and of all their parents."""
    return write_layer(tree.pack(layer_order(with_parents(paths))), out)


def write_image(
    packed: Iterable[PackedEntry],
    original: Mapping[str, Any],
    *,
    created_by: str = "tracewhale",
    overrides: Overrides = AS_IT_WAS,
    environ: Mapping[str, str] = os.environ,
) -> AbstractContextManager[Image]:
    """Make an image of one layer of packed entries: see `write_layers`."""
    return write_layers([packed], original, created_by=created_by, overrides=overrides, environ=environ)
