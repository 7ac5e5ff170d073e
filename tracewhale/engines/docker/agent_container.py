"""Containers of the probe beside the traced one, from an image that holds nothing but the probe.

They share the engine's process name space, so no target sees their processes or can signal them, and nobody
can write to their root file system. The *agent* watches the target. The *gate* is where processes that join
the target start: they stay outside of it until they have the target's identity and limits
(probes/init/init.c).
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from types import TracebackType
from typing import Any, cast

from docker import APIClient

from tracewhale.engines.docker.container_spec import CreatePayload
from tracewhale.engines.docker.containers import container, token
from tracewhale.engines.docker.engine import api_errors, remove_image
from tracewhale.engines.docker.exec_stream import AttachedStream, attach
from tracewhale.engines.docker.interrupts import run_to_end
from tracewhale.engines.docker.leftovers import OWNER, owner
from tracewhale.errors import EngineError, ProbeError

PROGRAM = "/probe"
"""The path of the probe in its image."""

OUTSIDE: Mapping[str, Any] = {
    "PidMode": "host",
    "CgroupnsMode": "host",
    "UsernsMode": "host",
    "NetworkMode": "none",
    "ReadonlyRootfs": True,
    "LogConfig": {"Type": "none"},
}
"""The HostConfig of both containers: the engine's processes, and a program that nobody can replace."""

AGENT_CAPABILITIES = ("DAC_READ_SEARCH", "SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE")
"""The capabilities for reading the target's files and processes; the agent keeps the first and the last
(probes/agent/agent.c)."""

GATE_CAPABILITIES = ("SYS_CHROOT", "SYS_PTRACE")
"""The capabilities for joining the target, besides those of the traced container."""


@contextmanager
def probe_image(client: APIClient, binary: bytes) -> Iterator[str]:
    """Yield the id of an image of nothing but the probe; it has no name and is removed at the end.

    Raise EngineError.
    """
    result: list[str] = []
    try:
        with api_errors("make an image of the probe"):
            run_to_end(lambda: result.append(_import(client, binary)))
        yield result[0]
    finally:
        for image in result:
            with api_errors("remove the image of the probe"):
                run_to_end(partial(remove_image, client, image))


def _import(client: APIClient, binary: bytes) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(PROGRAM.lstrip("/"))
        member.size, member.mode = len(binary), 0o755
        archive.addfile(member, io.BytesIO(binary))
    label = f"LABEL {OWNER}={json.dumps(owner())}"
    answer = cast(Any, client).import_image_from_data(packed.getvalue(), changes=[label])
    messages = [json.loads(line) for line in str(answer).splitlines() if line.strip()]
    return str(messages[-1]["status"])


class ProbeContainers:
    """The agent and the gate of one run, created when they are needed and removed with the context."""

    def __init__(self, client: APIClient, binary: bytes) -> None:
        self._client, self._binary = client, binary
        self._stack = ExitStack()
        self._image = self._gate = ""

    def __enter__(self) -> ProbeContainers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start_agent(self, ports: Sequence[int]) -> AttachedStream:
        """Start the agent for the ports of a server, and return its streams. Raise ProbeError."""
        words = ["--ports", ",".join(str(port) for port in ports)] if ports else []
        host = {
            "CapAdd": list(AGENT_CAPABILITIES),
            "CapDrop": ["ALL"],
            "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
        }
        identifier = self._create(["agent", "--join", *words], host, [])
        attached = attach(self._client, identifier, stdin=True)
        self._stack.callback(attached.close)
        self._start(identifier)
        return attached

    def gate(self, payload: CreatePayload, environment: Sequence[str]) -> str:
        """Return the id of the container from which processes join the one of ``payload``, with the same
        limits.

        ``environment`` is that container's. Raise ProbeError.
        """
        if not self._gate:
            theirs = payload.host
            kept = {"Privileged", "SecurityOpt", "Ulimits", "OomScoreAdj", "Runtime"}
            host = {key: value for key, value in theirs.items() if key in kept}
            host["CapAdd"] = sorted({*(theirs.get("CapAdd") or ()), *GATE_CAPABILITIES})
            host["CapDrop"] = [
                capability
                for capability in theirs.get("CapDrop") or ()
                if capability not in GATE_CAPABILITIES
            ]
            identifier = self._create(["agent"], host, environment)
            self._start(identifier)
            self._gate = identifier
        return self._gate

    def _create(self, words: Sequence[str], host: Mapping[str, Any], environment: Sequence[str]) -> str:
        if not self._image:
            self._image = self._stack.enter_context(probe_image(self._client, self._binary))
        config = {
            "Image": self._image,
            "User": "0",
            "Env": list(environment),
            "Entrypoint": [PROGRAM, *words],
            "Cmd": [],
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "OpenStdin": True,
        }
        payload = CreatePayload(config, {**OUTSIDE, **host}, (PROGRAM,))
        try:
            return self._stack.enter_context(container(self._client, payload, token()))
        except EngineError as error:
            raise _probe_error(error) from error

    def _start(self, identifier: str) -> None:
        try:
            with api_errors("start a container of the probe's own"):
                self._client.start(identifier)
        except EngineError as error:
            raise _probe_error(error) from error


def _probe_error(error: EngineError) -> ProbeError:
    return ProbeError(
        "The probe needs a container that shares the engine's processes (pid: host), and the engine refuses "
        f"it: {error.what}",
        "Allow it, or use --probe ptrace or strace if the engine runs on this machine.",
    )
