"""Files in an image that make an engine wait forever when it starts a container.

The engine and its runtime look the user up in ``/etc/passwd`` and ``/etc/group``, even if one is a FIFO
without a writer, or ``/proc/self/fd/0``, which is the runtime's own standard input and ours.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from docker import APIClient

from tracewhale.engines.docker.engine import api_errors
from tracewhale.errors import ImageContentError
from tracewhale.running.identity import GROUP, PASSWD

NOT_REGULAR = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19
"""Bits of a mode in the engine's answers (Go, io/fs.ModeType) that are set if a file is not regular."""
DIRECTORY = 1 << 31
SYMLINK = 1 << 27
RUNTIME = ("/proc", "/dev", "/sys")
HINT = "Build the image again with a file there, or with none."


def check_startable(client: APIClient, container: str) -> None:
    """Raise ImageContentError for a created container that the engine might never start."""
    for path in (PASSWD, GROUP):
        status = _status(client, container, path)
        leads = path
        if status and status["mode"] & SYMLINK:
            leads = status["linkTarget"]
            status = _status(client, container, leads)
        if (status and status["mode"] & NOT_REGULAR) or f"{leads}/".startswith(RUNTIME):
            raise ImageContentError(
                f"The image's {path} is no file, and an engine that looks a user up there may wait forever.",
                HINT,
            )


def is_directory(client: APIClient, container: str, path: str) -> bool:
    """Return whether a path of a container is a directory, mounts included."""
    status = _status(client, container, path)
    return bool(status and status["mode"] & DIRECTORY)


def _status(client: APIClient, container: str, path: str) -> dict[str, Any] | None:
    """Return the status of a path in a container, or None if it does not exist; ``linkTarget`` is the end of
    a link.

    Engine API, ContainerArchiveInfo: JSON in a header.
    """
    raw: Any = client
    with api_errors(f"look at {path} in the image"):
        response = raw.head(raw._url("/containers/{0}/archive", container), params={"path": path})
        if response.status_code == 404:
            return None
        if response.status_code == 500:  # the engine's answer to a loop; a HEAD has no message
            raise ImageContentError(
                f"The engine cannot tell what the image's {path} is: it may be a loop of symbolic links.",
                HINT,
            )
        raw._raise_for_status(response)
        header = response.headers["X-Docker-Container-Path-Stat"]
    result: dict[str, Any] = json.loads(base64.b64decode(header))
    return result
