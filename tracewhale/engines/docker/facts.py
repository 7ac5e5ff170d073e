"""The facts on which the probes depend, from the engine and this machine."""

from __future__ import annotations

import os
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from docker import APIClient

from tracewhale.engines.docker.engine import api_errors
from tracewhale.engines.probes import Facts
from tracewhale.running.capabilities import NAMES


def facts(client: APIClient) -> Facts:
    """Return the facts for an engine. Raise EngineError."""
    with api_errors("ask the engine about itself"):
        info = client.info()
    return Facts(
        architecture=str(info.get("Architecture", "")),
        kernel=_version(str(info.get("KernelVersion", ""))),
        filters=any("seccomp" in option for option in info.get("SecurityOptions") or ()),
        here=_is_here(client, info),
        capabilities=_capabilities(),
        python_ptrace=find_spec("ptrace") is not None,
        strace=_strace(),
        kernel_types=os.path.exists("/sys/kernel/btf/vmlinux"),
    )


def engine_name(client: APIClient) -> str:
    """Return the engine's name for itself: Docker, or Podman with Docker's interface."""
    with api_errors("ask the engine about itself"):
        components = client.version().get("Components") or ()
    names = [str(component.get("Name", "")) for component in components]
    return "Podman" if any("podman" in name.lower() for name in names) else "Docker"


def _is_here(client: APIClient, info: Mapping[str, Any]) -> bool:
    """Return whether the engine may be on this machine; a running container shows whether it is."""
    local = str(client.base_url).startswith(("http+docker://", "http+unix://"))
    return local and os.uname().sysname == "Linux" and info.get("KernelVersion") == os.uname().release


def impossible_capabilities(client: APIClient) -> frozenset[str]:
    """Return the capabilities that an engine on this machine itself lacks; none if that cannot be determined.

    The process that made the engine's socket is the engine, or its starter (unix(7), SO_PEERCRED).
    """
    path = getattr(client.adapters.get("http+docker://"), "socket_path", "")
    with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        capabilities = _capabilities(struct.unpack("3i", credentials)[0], "CapBnd")
        return frozenset(
            name for number, name in enumerate(NAMES) if capabilities and not capabilities >> number & 1
        )
    return frozenset()


def _capabilities(pid: int | str = "self", kind: str = "CapEff") -> int:
    """Return one of a process's capability sets, 0 if it cannot be read (proc(5))."""
    with suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith(f"{kind}:"):
                return int(line.split()[1], 16)
    return 0


def _strace() -> tuple[int, int]:
    program = shutil.which("strace")
    if program is None:
        return 0, 0
    try:
        done = subprocess.run([program, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0, 0
    return _version(done.stdout.partition("version ")[2])


def _version(text: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)
