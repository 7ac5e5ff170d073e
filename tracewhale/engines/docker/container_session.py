"""A traced container while it runs: its streams, its agent, and its state in the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, cast

from docker import APIClient
from docker.errors import DockerException

from tracewhale.engines.docker.agent_container import PROGRAM, ProbeContainers
from tracewhale.engines.docker.container_spec import CreatePayload, EntrySpec
from tracewhale.engines.docker.engine import api_errors
from tracewhale.engines.docker.exec_stream import AttachedStream, attach, execute
from tracewhale.errors import TraceLost
from tracewhale.running import session
from tracewhale.running.console import Console
from tracewhale.running.session import READY_SECONDS, STDOUT, TargetProcess
from tracewhale.tracing.host import listeners, proc

QUIET_SECONDS = 2.0
"""Seconds in which an agent must end once it has nothing left to send or to watch."""


class ContainerSession(session.RunSession):
    """One traced container, from before its start to after its end. ``entry`` is the identity of its
    processes."""

    def __init__(
        self,
        client: APIClient,
        container: str,
        token: str,
        entry: EntrySpec,
        console: Console,
    ) -> None:
        super().__init__(console)
        self.client, self.container, self.token, self.entry = client, container, token, entry
        self.payload = CreatePayload({}, {}, ())
        self.probes: ProbeContainers | None = None
        self.state: dict[str, Any] = {}  # the output of `docker inspect` after its start
        self.terminal = False
        self._open: list[AttachedStream] = []
        self._agent: AttachedStream | None = None
        self._feeding: Callable[[], None] = lambda: None

    def kill(self, number: int) -> None:
        """Send a signal to the command; it may have just ended."""
        with suppress(DockerException):
            self.client.kill(self.container, signal=number)

    def resize(self) -> None:
        """Send the terminal's size to the engine."""
        size = self.console.size() if self.terminal else None
        if size is not None:
            with suppress(DockerException):
                self.client.resize(self.container, height=size[0], width=size[1])

    # Start to end.

    def attach(self, *, interactive: bool, terminal: bool, recorded: bytes) -> None:
        """Connect the command's streams, before it starts."""
        self.terminal = terminal
        attached = attach(self.client, self.container, stdin=interactive, terminal=terminal)
        self._open.append(attached)
        self.spawn(lambda: self._pump(attached, self.command))
        if interactive:
            self._feeding = lambda: self._feed(attached, terminal=terminal, recorded=recorded)

    def start(self, ports: Sequence[int]) -> None:
        """Start the container and the agent, and wait until the command is executed or could not be."""
        self.prepare(ports)
        with api_errors("start the container"):
            self.client.start(self.container)
        # While the probe waits for the agent the container runs for sure: later it may have ended.
        self.state = self.inspect()
        self.resize()
        self.watch()
        self.begin(ports)
        # Not before: a Ctrl-C in a terminal's input would end the process that waits for the command.
        self.spawn(self._feeding)

    def watch(self) -> None:
        """Start watching for the container's end."""
        self.spawn(self._await_end)

    def begin(self, ports: Sequence[int]) -> None:
        """Have the agent take the command, and wait until it is executed."""
        self.tell_agent(f"a {self.state['State']['Pid']} 0 {self.token}")
        self.begun = True
        self.wait(
            lambda: 0 in self.collector.started or 0 in self.collector.ended_listeners or self.agent_ended,
            READY_SECONDS,
        )

    def prepare(self, ports: Sequence[int]) -> None:
        """Start the agent, before there is anything to watch."""
        assert self.probes is not None
        self._agent = agent = self.probes.start_agent(ports)
        self.spawn(lambda: self._collect(agent))

    def inspect(self) -> dict[str, Any]:
        """Return the result of ``docker inspect`` for the container now."""
        with api_errors("inspect the container"):
            return cast("dict[str, Any]", cast(Any, self.client).inspect_container(self.container))

    def enter(self, argv: Sequence[str], *, seconds: float | None = None) -> tuple[TargetProcess, int]:
        """Run another process in the container, traced, and return it with its exit status."""
        process = self.entering()
        gate, words, environment = self.joining(argv, self.entry, "")
        identifier, attached = execute(self.client, gate, words, environment=environment)
        self._open.append(attached)
        self.spawn(lambda: self._pump(attached, process))
        if pid := self.pid_of_exec(identifier):
            self.take(pid, process.listener)
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.wait(lambda: process.drained, 1.0):
            if not self._inspect_exec(identifier)["Running"]:
                break
            if deadline is not None and time.monotonic() > deadline:
                return process, -1
        while True:
            answer = self._inspect_exec(identifier)
            if not answer["Running"]:
                return process, int(answer["ExitCode"] or 0)
            self.wait(lambda: False, 0.05)

    def listening(self) -> set[int]:
        """Return the ports of the image, and those that it does not name if the network is the container's
        own and the engine is on this machine."""
        pid = self._network_pid()
        return super().listening() | (listeners.listening(pid) if pid else set())

    def local_listeners(self) -> tuple[str, ...]:
        """Return the loopback addresses and Unix sockets at which the target listens."""
        pid = self._network_pid()
        return listeners.local_listeners(pid) if pid else ()

    def ipv6_listeners(self) -> set[int]:
        """Return the TCP ports on which the target listens at all IPv6 addresses."""
        pid = self._network_pid()
        return listeners.ipv6_listeners(pid) if pid else set()

    def _network_pid(self) -> int:
        """Return the command's process id if its network is its own and the engine is on this machine, else
        0."""
        pid = int(self.state["State"]["Pid"])
        shared = str(self.state["HostConfig"]["NetworkMode"]).startswith(("host", "container:"))
        return pid if not shared and proc.is_of_container(pid, self.container) else 0

    def joining(
        self, argv: Sequence[str], entry: EntrySpec, workdir: str
    ) -> tuple[str, list[str], list[str]]:
        """Return a container's id, the words and the environment to start a process that joins that
        container."""
        assert self.probes is not None
        config = self.state["Config"]
        environment = [f"HOSTNAME={config.get('Hostname', '')}", *(config.get("Env") or ())]
        gate = self.probes.gate(self.payload, environment)
        workdir = workdir or config.get("WorkingDir") or "/"
        options = ["--enter", str(self.state["State"]["Pid"]), "--workdir", workdir]
        return gate, entry.arguments(self.token, argv, program=PROGRAM, options=options), environment

    def pid_of_exec(self, identifier: str) -> int:
        """Wait until an exec has started, and return its process id, 0 if it was never seen running."""
        deadline = time.monotonic() + READY_SECONDS
        while not (answer := self._inspect_exec(identifier))["Pid"] and time.monotonic() < deadline:
            if answer["ExitCode"] is not None and not answer["Running"]:
                break
            time.sleep(0.01)
        return int(answer["Pid"])

    def take(self, pid: int, listener: int) -> None:
        """Have the agent take a process that joins the container."""
        self.tell_agent(f"a {pid} {listener} {self.token}")

    def _inspect_exec(self, identifier: str) -> dict[str, Any]:
        with api_errors("look at an exec"):
            return cast("dict[str, Any]", cast(Any, self.client).exec_inspect(identifier))

    def tell_agent(self, line: str) -> bool:
        """Give the agent an order, and return whether there is an agent."""
        try:
            if self._agent is not None:
                self._agent.write(line.encode() + b"\n")
        except OSError:
            return False
        return self._agent is not None

    def process_status(self) -> str:
        """Return the command's /proc/PID/status, or an empty string if its engine is on another machine."""
        pid = int(self.state["State"]["Pid"])
        return proc.status(pid) if proc.is_of_container(pid, self.container) else ""

    def drain(self) -> None:
        """Wait after the command's end for the rest of its output and of the agent's events."""
        self.await_output(self.command)
        self.finish_agent()

    def finish_agent(self) -> None:
        """Wait for the rest of the agent's events. Raise TraceLost if the agent does not answer."""
        reports = self.collector.reports
        if self.tell_agent("c") and not self.wait(
            lambda: self.collector.reports > reports or self.agent_ended, self.answer_seconds
        ):
            raise TraceLost("The probe did not answer when the command had ended.")
        if self._agent is not None:
            self._agent.close_write()
            # Processes that the container shares with others may live on; then it does not end.
            if not self.wait(lambda: self.agent_ended, QUIET_SECONDS):
                self._agent.close()
                self.wait(lambda: self.agent_ended)

    def close(self) -> None:
        """Close every connection."""
        self.handle.connect(None)
        for attached in self._open:
            attached.close()

    # Work of the threads.

    def _pump(self, attached: AttachedStream, process: TargetProcess) -> None:
        for stream, data in attached.frames():
            self.output(process, stream, data)
        self.later(lambda: setattr(process, "drained", True))

    def _feed(self, attached: AttachedStream, *, terminal: bool, recorded: bytes) -> None:
        with suppress(OSError):  # the command closed its input, or ended
            self.feed(attached.write, recorded)
            if not terminal:
                attached.close_write()

    def _collect(self, agent: AttachedStream) -> None:
        for stream, data in agent.frames():
            if stream == STDOUT:
                self.later(partial(self.learn, data))
            else:
                self.agent_errors += data
        self.later(lambda: setattr(self, "agent_ended", True))

    def _await_end(self) -> None:
        with api_errors("wait for the container's end"):
            answer = cast("dict[str, Any]", self.client.wait(self.container))
        self.later(lambda: setattr(self, "status", int(answer["StatusCode"])))
