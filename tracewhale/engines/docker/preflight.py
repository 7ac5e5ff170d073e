"""Files in an image for which an engine waits for ever when it starts a container.

The engine and its runtime look the user up in ``/etc/passwd`` and ``/etc/group``, whatever these are: a FIFO
that nobody writes to, or ``/proc/self/fd/0``, which is the runtime's own standard input and ours.
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
"""Of a mode as the engine tells it (Go, io/fs.ModeType)."""
DIRECTORY = 1 << 31
SYMLINK = 1 << 27
RUNTIME = ("/proc", "/dev", "/sys")
HINT = "Build the image again with a file there, or with none."


def check_startable(client: APIClient, container: str) -> None:
    """Raises ImageContentError for a created container that the engine might never get started."""
    for path in (PASSWD, GROUP):
        status = _status(client, container, path)
        leads = path
        if status and status["mode"] & SYMLINK:
            leads = status["linkTarget"]
            status = _status(client, container, leads)
        if (status and status["mode"] & NOT_REGULAR) or f"{leads}/".startswith(RUNTIME):
            raise ImageContentError(
                f"The image's {path} is no file, and an engine that looks a user up there may wait for ever.",
                HINT,
            )


def is_directory(client: APIClient, container: str, path: str) -> bool:
    """Return whether there is a directory at a path of a container, with what is mounted there."""
    status = _status(client, container, path)
    return bool(status and status["mode"] & DIRECTORY)


def _status(client: APIClient, container: str, path: str) -> dict[str, Any] | None:
    """Return what is at a path in a container, None for nothing; of a link ``linkTarget`` is where it ends.

    Engine API, ContainerArchiveInfo: JSON in a header.
    """
    raw: Any = client
    with api_errors(f"look at {path} in the image"):
        response = raw.head(raw._url("/containers/{0}/archive", container), params={"path": path})
        if response.status_code == 404:
            return None
        if response.status_code == 500:  # what the engine makes of a loop; a HEAD has no words with it
            raise ImageContentError(
                f"The engine cannot tell what the image's {path} is: it may be a loop of symbolic links.",
                HINT,
            )
        raw._raise_for_status(response)
        header = response.headers["X-Docker-Container-Path-Stat"]
    result: dict[str, Any] = json.loads(base64.b64decode(header))
    return result
