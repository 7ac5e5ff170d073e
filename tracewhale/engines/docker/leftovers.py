"""Leftovers of killed runs, known by the label of an owner that has ended."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Any, cast

from docker import APIClient

from tracewhale.engines.docker.engine import api_errors
from tracewhale.errors import TraceWhaleError

OWNER = "tracewhale.owner"
"""The label that holds the result of ``owner``."""

NOBODY = "nobody"


def owner(pid: int | None = None) -> str:
    """Return a unique name of a process: this machine's boot, and the process's name space, number and start
    time.

    Return an empty string without proc(5). A zombie, whose parent does not wait for it, has no name either.
    """
    pid = os.getpid() if pid is None else pid
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # those after the name's ), from the third on
        if fields[0] in (b"Z", b"X"):
            return NOBODY
        started = fields[19].decode()
        return f"{boot} {os.readlink('/proc/self/ns/pid')} {pid} {started}"
    except (OSError, IndexError):
        return ""


def is_gone(label: str) -> bool:
    """Return whether an owner ran here and has ended; False for another machine or name space, and in
    doubt."""
    words, own = label.split(" "), owner().split(" ")
    if len(words) != 4 or words[:2] != own[:2] or not words[2].isdigit():
        return False
    pid = int(words[2])
    try:
        os.kill(pid, 0)
    except OSError as error:  # EPERM: it is another user's, whom proc(5) may not even show (hidepid)
        return error.errno == errno.ESRCH
    now = owner(pid)
    return bool(now) and now != label


def remove_leftovers(client: APIClient) -> None:
    """Remove what killed runs of this machine left: containers with their anonymous volumes, the images of
    the probe, and the networks and volumes of Compose projects."""
    raw: Any = client
    with suppress(TraceWhaleError), api_errors("look for what killed runs left"):
        listed = cast("list[dict[str, Any]]", client.containers(all=True, filters={"label": OWNER}))
        for leftover in listed:
            if is_gone(str(leftover["Labels"][OWNER])):
                client.remove_container(leftover["Id"], v=True, force=True)
        images = cast("list[dict[str, Any]]", client.images(all=True, filters={"label": OWNER}))
        for leftover in images:
            if is_gone(str(leftover["Labels"][OWNER])):
                client.remove_image(leftover["Id"])
        for leftover in raw.networks(filters={"label": OWNER}):
            if is_gone(str(leftover["Labels"][OWNER])):
                raw.remove_network(leftover["Id"])
        for leftover in raw.volumes(filters={"label": OWNER})["Volumes"] or ():
            if is_gone(str(leftover["Labels"][OWNER])):
                raw.remove_volume(leftover["Name"])
