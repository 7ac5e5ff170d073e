"""The facts that the probes depend on, from the engine and this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from docker import APIClient

from tracewhale.engines.docker.engine import api_errors
from tracewhale.engines.probes import Facts


def facts(client: APIClient) -> Facts:
    """Return the facts for an engine. Raises EngineError."""
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
    """Return what the engine calls itself: Docker, or Podman with Docker's interface."""
    with api_errors("ask the engine about itself"):
        components = client.version().get("Components") or ()
    names = [str(each.get("Name", "")) for each in components]
    return "Podman" if any("podman" in name.lower() for name in names) else "Docker"


def _is_here(client: APIClient, info: Mapping[str, Any]) -> bool:
    """Return whether the engine may be on this machine. That it is shows when a container runs."""
    local = str(client.base_url).startswith(("http+docker://", "http+unix://"))
    return local and os.uname().sysname == "Linux" and info.get("KernelVersion") == os.uname().release


def _capabilities() -> int:
    with suppress(OSError), open("/proc/self/status", encoding="ascii", errors="replace") as status:
        for line in status:
            if line.startswith("CapEff:"):
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
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)
