"""The Docker engine: where it is, what it knows by a name, and what its errors mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from docker import APIClient


@dataclass(frozen=True, slots=True)
class Found:
    """An image or a container of that name.

    ``image`` is the image's identity (``sha256:...``; a container's own image for a container),
    ``container`` the full id of a container, empty for an image, ``note`` how a choice was made.
    """

    name: str
    image: str
    container: str = ""
    note: str = ""


def connect(environ: Mapping[str, str] = {}) -> APIClient:
    """A client of the engine that DOCKER_HOST, the current context or the default socket points to.

    Raises EngineError, which says how to start one or point to one.
    """
    raise NotImplementedError


def find(
    client: APIClient,
    name: str,
    *,
    platform: str = "",
    progress: Callable[[str], None] = print,
) -> Found:
    """The image or container that ``name`` means; a missing image is pulled as ``docker run`` does.

    Raises TargetNotFound (also for an ambiguous prefix), PlatformMismatch, EmptyImage, EngineError.
    """
    raise NotImplementedError


def image_config(client: APIClient, image: str) -> dict[str, Any]:
    """An image's ``docker image inspect``: ``Config``, ``RootFS``, ``Architecture``, ``Size``, ..."""
    raise NotImplementedError


def load(client: APIClient, archive: Iterable[bytes]) -> str:
    """Load a docker archive (the chunks of a tar stream); returns the image's identity."""
    raise NotImplementedError


def check_tag(name: str) -> str:
    """``name`` with its default tag, if it can name an image (distribution's reference grammar).

    Raises InvalidTag.
    """
    raise NotImplementedError


def tag(client: APIClient, image: str, name: str) -> None:
    """Give an image a name."""
    raise NotImplementedError


def remove_image(client: APIClient, image: str) -> None:
    """Remove an image that we made; one that is gone already, or tagged by somebody, is left alone."""
    raise NotImplementedError


@contextmanager
def api_errors(doing: str) -> Iterator[None]:
    """The one place where what the SDK raises becomes an error of ours."""
    yield
