"""A traced container while it runs: its streams, its agent, and what the engine says of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, suppress
from functools import partial
from http import HTTPStatus
from typing import Any, cast

from docker import APIClient
from docker.errors import DockerException

from tracewhale.engines.docker.container_spec import PROBE, PROBE_DIRECTORY, EntrySpec
from tracewhale.engines.docker.engine import api_errors
from tracewhale.engines.docker.exec_stream import Attached, attach, execute
from tracewhale.errors import EngineError, ImageContentError, ProbeError, TraceLost
from tracewhale.rootfs.blobs import StreamSource, chunk_reader
from tracewhale.rootfs.members import REGULAR, members
from tracewhale.running import session
from tracewhale.running.console import Console, Handle
from tracewhale.running.session import CHUNK, DRAIN_SECONDS, READY_SECONDS, STDOUT, TargetProcess
from tracewhale.tracing.host import proc
from tracewhale.tracing.records import Feature

JOURNAL = f"{PROBE_DIRECTORY}/journal"

JOURNAL_LIMIT = 1 << 20
"""Bytes of a journal; the probe's have a quarter (probes/stream.c)."""

CHANGED_HINT = f"What it asked for last is lost: have it leave {PROBE_DIRECTORY} alone."

QUIET_SECONDS = 2.0
"""How long nothing may come from an agent that has ended, before its stream is taken as ended."""


class ContainerSession(session.RunSession):
    """One traced container, from before its start to after its end. ``entry`` is for its processes."""

    def __init__(
        self,
        client: APIClient,
        container: str,
        socket: str,
        entry: EntrySpec,
        console: Console,
        handle: Handle,
    ) -> None:
        super().__init__(console, handle)
        self.client, self.container, self.socket, self.entry = client, container, socket, entry
        self.state: dict[str, Any] = {}  # what `docker inspect` said when it had started
        self.terminal = False
        self._open: list[Attached] = []
        self._agent: Attached | None = None
        self._heard = 0  # bytes
        self._feeding: Callable[[], None] = lambda: None

    def kill(self, number: int) -> None:
        """Send a signal to the command; it may have ended in this moment."""
        with suppress(DockerException):
            self.client.kill(self.container, signal=number)

    def resize(self) -> None:
        """Tell the engine the terminal's size."""
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
        with api_errors("start the container"):
            self.client.start(self.container)
        # While the probe waits for the agent the container runs for sure: later it may have ended.
        self.state = self.inspect()
        self.resize()
        self.watch()
        self.begin(ports)
        # Not before: a Ctrl-C in a terminal's input would end what is there before the command.
        self.spawn(self._feeding)

    def watch(self) -> None:
        """Have the container's end noticed."""
        self.spawn(self._await_end)

    def begin(self, ports: Sequence[int]) -> None:
        """Start the agent, beside which the probe waits, and wait until it has executed the command."""
        watched = ["--ports", ",".join(str(port) for port in ports)] if ports else []
        argv = [PROBE, "agent", "--socket", self.socket, "--journal", JOURNAL, *watched]
        _, self._agent = execute(self.client, self.container, argv, stdin=True)
        self._open.append(self._agent)
        agent = self._agent
        self.spawn(lambda: self._collect(agent))
        if not self.wait(lambda: 0 in self.collector.started or self.agent_ended, READY_SECONDS):
            raise ProbeError(f"The probe did not start the command in time: {self.probe_words()}")

    def inspect(self) -> dict[str, Any]:
        """Return what ``docker inspect`` says of the container now."""
        with api_errors("inspect the container"):
            return cast("dict[str, Any]", cast(Any, self.client).inspect_container(self.container))

    def enter(self, argv: Sequence[str], *, seconds: float | None = None) -> tuple[TargetProcess, int]:
        """Run another process in the container, traced; returns it with its exit status."""
        process = self.entering()
        words = self.entry.arguments(self.socket, argv)
        identifier, attached = execute(self.client, self.container, words)
        self._open.append(attached)
        self.spawn(lambda: self._pump(attached, process))
        self.entered(identifier, process)
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
        """Also those that its image does not name, where its network is its own and the engine is here."""
        found = super().listening()
        pid = int(self.state["State"]["Pid"])
        shared = str(self.state["HostConfig"]["NetworkMode"]).startswith(("host", "container:"))
        if not shared and proc.is_of_container(pid, self.container):
            found |= proc.listening(pid)
        return found

    def entered(self, identifier: str, process: TargetProcess) -> None:
        """Prepare a process that an exec has just started."""

    def _inspect_exec(self, identifier: str) -> dict[str, Any]:
        with api_errors("look at an exec"):
            return cast("dict[str, Any]", cast(Any, self.client).exec_inspect(identifier))

    def tell_agent(self, data: bytes) -> bool:
        """Write to the agent's standard input; whether there is an agent."""
        try:
            if self._agent is not None:
                self._agent.write(data)
        except OSError:
            return False
        return self._agent is not None

    def process_status(self) -> str:
        """Return the command's /proc/PID/status, or an empty string if its engine is on another machine."""
        pid = int(self.state["State"]["Pid"])
        return proc.status(pid) if proc.is_of_container(pid, self.container) else ""

    def drain(self) -> None:
        """After the command's end: wait for the rest of its output and of the agent's events."""
        self.await_output(self.command)
        self.finish_agent()

    def finish_agent(self) -> None:
        """Wait for the rest of the agent's events."""
        if self._agent is not None:
            self._agent.close_write()
        features = self.collector.features
        journaled = features is not None and Feature.JOURNAL in features
        self._await_agent(QUIET_SECONDS if journaled else DRAIN_SECONDS, closing=journaled)
        if journaled:
            self.learn_journal()

    def _await_agent(self, seconds: float, *, closing: bool) -> None:
        """Wait for the end of the agent's stream; ``closing``: end it when nothing comes for ``seconds``.

        Where the container shares the processes of another one, or of the host, the engine never ends it.
        """
        before = -1
        while not self.wait(lambda: self.agent_ended, seconds):
            if not closing or self._agent is None:
                raise EngineError("The engine did not close the agent's stream when the container had ended.")
            if self._heard == before:
                self._agent.close()
                closing = False
            before = self._heard

    def learn_journal(self) -> None:
        """Read what the agent had recorded and not written yet when it was killed with process 1.

        It lies where the command may do what it likes. Raises TraceLost for what it made of it.
        """
        raw: Any = self.client
        url = raw._url("/containers/{0}/archive", self.container)
        with (
            api_errors("read the probe's journal"),
            # Closed whatever it brings: the engine holds on to the container until then.
            closing(raw.get(url, params={"path": JOURNAL}, stream=True)) as response,
        ):
            if response.status_code == HTTPStatus.NOT_FOUND:
                self.inspect()  # raises where it is the container that is not there
                raise TraceLost("The command removed the probe's journal.", CHANGED_HINT)
            raw._raise_for_status(response)
            journal = only_file(response.iter_content(CHUNK), JOURNAL_LIMIT)
        if journal is None:
            raise TraceLost(
                "The command put something else in the place of the probe's journal.", CHANGED_HINT
            )
        self.collector.recover(journal)

    def close(self) -> None:
        """Let go of every connection."""
        self.handle.connect(None)
        for attached in self._open:
            attached.close()

    # What the threads do.

    def _pump(self, attached: Attached, process: TargetProcess) -> None:
        for stream, data in attached.frames():
            self.output(process, stream, data)
        self.later(lambda: setattr(process, "drained", True))

    def _feed(self, attached: Attached, *, terminal: bool, recorded: bytes) -> None:
        with suppress(OSError):  # the command closed its input, or ended
            self.feed(attached.write, recorded)
            if not terminal:
                attached.close_write()

    def _collect(self, agent: Attached) -> None:
        for stream, data in agent.frames():
            self._heard += len(data)
            if stream == STDOUT:
                self.later(partial(self.learn, data))
            else:
                self.agent_errors += data
        self.later(lambda: setattr(self, "agent_ended", True))

    def _await_end(self) -> None:
        with api_errors("wait for the container's end"):
            answer = cast("dict[str, Any]", self.client.wait(self.container))
        self.later(lambda: setattr(self, "status", int(answer["StatusCode"])))


def only_file(archive: Iterable[bytes], limit: int) -> bytes | None:
    """Return the contents of the one file in a tar, or None if it is no file or has more than ``limit``
    bytes."""
    source = StreamSource(chunk_reader(iter(archive)))
    with suppress(ImageContentError):
        for member in members(source):
            fits = member.type in REGULAR and member.size <= limit
            return source.read(member.size) if fits else None
    return None
