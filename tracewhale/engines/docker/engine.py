"""The Docker engine: how to reach it, its objects by name, and the meaning of its errors."""

from __future__ import annotations

import difflib
import errno
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import requests
import urllib3
from docker import APIClient
from docker.constants import DEFAULT_UNIX_SOCKET
from docker.context import ContextAPI
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env

from tracewhale.engines.docker.errors import SHOWS, api_error
from tracewhale.engines.docker.reference import check_tag, normalize
from tracewhale.errors import (
    EmptyImage,
    EngineError,
    NoSpace,
    PlatformMismatch,
    TargetNotFound,
    TraceWhaleError,
    UsageError,
)
from tracewhale.platforms import matches, runs

NEWEST_API = (1, 44)
"""The newest supported version of the engine's API; older and newer engines both speak it."""

BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError)
"""Exceptions of a connection that fails or breaks, besides the SDK's own."""

CONNECT_SECONDS = 15
ANSWER_SECONDS = 900
"""Seconds that one answer may take: a commit or a load of some gigabytes on a slow disk."""

START_HINT = (
    "Start it (`sudo systemctl start docker`, or Docker Desktop), or point to another one with DOCKER_HOST "
    "or `docker context use`. No engine is needed for docker-archive:FILE, oci:DIR, rootfs:DIR and host."
)


@dataclass(frozen=True, slots=True)
class EngineObject:
    """An image or a container, found by name.

    ``image`` is the image's identity (``sha256:...``; for a container that of its image), ``container`` the
    full id of a container, empty for an image, ``note`` says how a choice was made, if there was one.
    """

    name: str
    image: str
    container: str = ""
    note: str = ""


def connect(environ: Mapping[str, str] = os.environ) -> APIClient:
    """Return a client of the engine that DOCKER_HOST, the current context or the default socket points to.

    Raise EngineError, which says how to start an engine or point to one.
    """
    where: dict[str, Any] = {}
    context = environ.get("DOCKER_CONTEXT", "")
    try:
        where = dict(kwargs_from_env(dict(environ)) if environ.get("DOCKER_HOST") else {})
        if not where and ContextAPI.get_context(context or None) is None:
            which = repr(context) if context else "of the name that Docker's configuration has as the current"
            raise EngineError(f"There is no Docker context {which}.", START_HINT)
        if not where:
            where = dict(ContextAPI.kwargs_from_context(environment=environ))
        _reach(where.get("base_url") or DEFAULT_UNIX_SOCKET)
        with closing(APIClient(**where, version="1.24", timeout=CONNECT_SECONDS)) as first:
            version = _api_version(first.version(api_version=False))
        return APIClient(**where, version=version, timeout=ANSWER_SECONDS)
    except (DockerException, *BROKEN, OSError, ValueError) as error:
        host = where.get("base_url") or "the default socket"
        if _cause(error, PermissionError):
            raise EngineError(
                f"This user may not connect to the Docker engine at {host}.",
                "Add the user to the `docker` group, or run as root.",
            ) from error
        raise EngineError(f"No Docker engine answers at {host}.", START_HINT) from error


def _reach(url: str) -> None:
    """Connect to a local socket and close it: the SDK leaves its own open if that fails. Raise OSError."""
    scheme, _, path = url.partition("://")
    if scheme in ("unix", "http+unix"):
        with closing(socket.socket(socket.AF_UNIX)) as local:
            local.settimeout(CONNECT_SECONDS)
            local.connect(path)


def _api_version(server: Mapping[str, Any]) -> str:
    """Return the version that both sides support: ours, or the server's newest or oldest if ours is out of
    its range."""

    def parse(text: object) -> tuple[int, ...]:
        return tuple(int(part) for part in str(text).split("."))

    newest, oldest = parse(server["ApiVersion"]), parse(server.get("MinAPIVersion", "1.24"))
    return ".".join(str(part) for part in max(oldest, min(newest, NEWEST_API)))


def _cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    """Return whether an exception of that kind is in the chain of causes of this one."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, kind) or any(isinstance(arg, kind) for arg in error.args):
            return True
        seen.append(error)
        nested = [arg for arg in error.args if isinstance(arg, BaseException)]
        error = error.__cause__ or error.__context__ or (nested[0] if nested else None)
    return False


@contextmanager
def api_errors(doing: str) -> Iterator[None]:
    """Turn exceptions of the SDK into ours; ``doing`` completes "Docker could not"."""
    try:
        yield
    except APIError as error:
        raise api_error(doing, error.status_code or 0, str(error.explanation or error)) from error
    except (DockerException, *BROKEN) as error:
        if _cause(error, requests.exceptions.Timeout) or _cause(error, TimeoutError):
            raise EngineError(f"The Docker engine did not answer in time to {doing}.") from error
        raise EngineError(
            f"The connection to the Docker engine broke while it was to {doing}.", START_HINT
        ) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise NoSpace(f"No space is left on this machine's disk to {doing}.") from error


def post(client: APIClient, path: str, **how: Any) -> requests.Response:
    """Send a POST to the engine, for requests that the SDK offers without access to the connection."""
    raw: Any = client
    response: requests.Response = raw.post(raw._url(path), stream=True, **how)
    raw._raise_for_status(response)
    return response


def find(
    client: APIClient, name: str, *, platform: str = "", progress: Callable[[str], None] = lambda line: None
) -> EngineObject:
    """Return the image or container called ``name``; pull a missing image as ``docker run`` does.

    An exact name or id takes precedence over the beginning of an id, and then an image over a container.
    Raise TargetNotFound (also if several ids begin so), PlatformMismatch, EmptyImage, EngineError.
    """
    if not name.strip():
        raise TargetNotFound("There is no image or container without a name.")
    image, container = _lookup_image(client, name), _lookup_container(client, name)
    note = ""
    if image and container:
        is_image = name_is_exact(name, image) or not container_is_exact(name, container)
        chosen, other = ("an image", "a container") if is_image else ("a container", "an image")
        note = f"{name} names both an image and a container: taken as {chosen} (use an id for {other})"
        image, container = (image, None) if is_image else (None, container)
    if container:
        return EngineObject(name, container["Image"], container["Id"], note)
    other = f"{image['Os']}/{image['Architecture']}" if image else ""
    if image is None or (platform and not matches(platform, other)):
        image = _pull(client, name, platform, progress, other)
    server = client.version()
    if image["Os"] != server["Os"] or not runs(image["Architecture"], server["Arch"]):
        raise PlatformMismatch(
            f"{name} is for {image['Os']}/{image['Architecture']}, and the Docker engine runs "
            f"{server['Os']}/{server['Arch']}.",
            "Trace it on an engine of its own architecture (DOCKER_HOST or `docker context use`).",
        )
    if not image["RootFS"].get("Layers"):
        raise EmptyImage(f"{name} is empty: it has no layers.")
    return EngineObject(name, image["Id"], "", note)


def name_is_exact(name: str, image: Mapping[str, Any]) -> bool:
    """Return whether a name is one of the image's own names or its whole id, and not the beginning of
    the id."""
    references = {*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())}
    return name in (image["Id"], image["Id"].removeprefix("sha256:")) or normalize(name) in {
        normalize(reference) for reference in references
    }


def container_is_exact(name: str, container: Mapping[str, Any]) -> bool:
    """Return whether a name is the container's own name or its whole id, and not the beginning of the id."""
    return name.lstrip("/") in (container["Id"], container["Name"].lstrip("/"))


def can_be_an_image(name: str) -> bool:
    """Return whether a name can be an image's or the beginning of its id, and so may be sent to the engine.

    The name becomes part of a URL's path, in which ``a/../b`` means ``b``.
    """
    return normalize(name) is not None or bool(re.fullmatch(r"(sha256:)?[0-9a-f]{1,64}", name))


def _lookup_image(client: APIClient, name: str) -> dict[str, Any] | None:
    return _lookup(client.inspect_image, name, "image") if can_be_an_image(name) else None


def _lookup_container(client: APIClient, name: str) -> dict[str, Any] | None:
    possible = re.fullmatch(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]*", name)
    return _lookup(client.inspect_container, name, "container") if possible else None


def _lookup(inspect: Callable[[str], Any], name: str, kind: str) -> dict[str, Any] | None:
    try:
        with api_errors(f"look for the {kind} {name}"):
            try:
                result: dict[str, Any] = inspect(name)
                return result
            except APIError as error:
                if re.search("multiple ids|ambiguous", str(error.explanation), re.IGNORECASE):
                    raise TargetNotFound(
                        f"{name} is the beginning of the ids of several {kind}s.", "Give more of the id."
                    ) from error
                if error.status_code == 404 or "invalid reference" in str(error.explanation):
                    return None
                raise
    except UsageError:
        return None


def _pull(
    client: APIClient, name: str, platform: str, progress: Callable[[str], None], other: str
) -> dict[str, Any]:
    """Pull an image as ``docker run`` does; ``other`` is the platform of a local image of that name, if there
    is one.

    Raise TargetNotFound with the reason, PlatformMismatch.
    """
    reference = normalize(name)
    if reference is None or re.fullmatch(r"(sha256:)?[0-9a-f]{64}", name):
        raise TargetNotFound(f"There is no image or container {name!r}.", SHOWS)
    progress(f"Unable to find image '{reference}' {f'for {platform} ' if other else ''}locally")
    try:
        for line in client.pull(name, stream=True, decode=True, platform=platform or None):
            if "error" in line:
                raise _not_found(client, name, platform, other, str(line["error"]))
            if "progressDetail" not in line or not line["progressDetail"]:
                progress(": ".join(str(line[key]) for key in ("id", "status") if line.get(key)))
    except APIError as error:
        words = str(error.explanation)
        if "no space left" in words:
            raise api_error(f"pull {name}", error.status_code or 0, words) from error
        raise _not_found(client, name, platform, other, words) from error
    image = _lookup_image(client, name)
    if image is None:
        raise TargetNotFound(f"{name} was pulled, but the engine does not know it.")
    return image


def similar(client: APIClient, name: str) -> str:
    """Return the name of a local image or container that is spelled almost like this one, or an empty
    string."""
    with suppress(DockerException):
        images = cast("list[dict[str, Any]]", client.images())
        containers = cast("list[dict[str, Any]]", client.containers(all=True))
        tags = [tag for image in images for tag in image.get("RepoTags") or ()]
        names = [*tags, *(tag.removesuffix(":latest") for tag in tags)]
        names += [
            reference.lstrip("/") for container in containers for reference in container.get("Names") or ()
        ]
        return next(iter(difflib.get_close_matches(name, names, 1, 0.75)), "")
    return ""


def _not_found(client: APIClient, name: str, platform: str, other: str, words: str) -> TraceWhaleError:
    reason = words.rstrip(".")
    if other:
        what = f"{name} is for {other} here, and cannot be pulled for {platform}: {reason}."
        return PlatformMismatch(what, "Leave --platform out to take the one that is here.")
    what = f"There is no image or container {name!r}, and no image of that name can be pulled: {reason}."
    close = similar(client, name)
    return TargetNotFound(what, f"Did you mean {close}?" if close else SHOWS)


def inspect_image(client: APIClient, image: str) -> dict[str, Any]:
    """Return the result of ``docker image inspect``: ``Id``, ``Config``, ``RootFS``, ``Architecture``,
    ``Size``, ..."""
    if not can_be_an_image(image):
        raise TargetNotFound(f"There is no image {image!r}.", SHOWS)
    with api_errors(f"inspect the image {image}"):
        return cast("dict[str, Any]", cast(Any, client).inspect_image(image))


def image_config(client: APIClient, image: str) -> dict[str, Any]:
    """Return an image's configuration: the ``Config`` object of ``docker image inspect``."""
    return dict(inspect_image(client, image).get("Config") or {})


def load(client: APIClient, archive: Iterable[bytes]) -> str:
    """Load a docker archive (the chunks of a tar stream), and return the image's id.

    Raise EngineError, NoSpace, and the errors of ``archive``.
    """
    loaded = ""
    with api_errors("load the image"):
        answer = post(client, "/images/load", data=iter(archive), params={"quiet": 1})
        with closing(answer):
            for line in answer.iter_lines():
                message = json.loads(line)
                if "error" in message:
                    raise api_error("load the image", 500, str(message["error"]))
                if match := re.match(r"Loaded image(?: ID)?: (\S+)", message.get("stream", "")):
                    loaded = match.group(1)
    if not loaded:
        raise EngineError("Docker loaded the image but did not say which one it is.")
    return str(inspect_image(client, loaded)["Id"])


def tag(client: APIClient, image: str, name: str) -> None:
    """Give an image a name. Raise InvalidTag, EngineError."""
    repository, _, version = check_tag(name).rpartition(":")
    with api_errors(f"name the image {name}"):
        client.tag(image, repository, version, force=True)


def remove_image(client: APIClient, image: str) -> None:
    """Remove an image that we made. Do nothing if it is gone, has a name, or is in use."""
    try:
        cast(Any, client).remove_image(image)
    except APIError as error:
        if error.status_code not in (404, 409):
            raise
