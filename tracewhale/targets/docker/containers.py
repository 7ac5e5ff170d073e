"""Containers that exist for a while: created, spoken to, and always removed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker import APIClient

from tracewhale.tree import Tree


@contextmanager
def served_tree(client: APIClient, image: str, probe: bytes) -> Iterator[Tree]:
    """An image's file system, read from a pristine container made from it that runs nothing but the probe.

    ``probe`` is the probe's binary for the image's architecture.
    """
    raise NotImplementedError
    yield
