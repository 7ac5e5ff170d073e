"""A command in a sandbox while it runs: its streams, its agent, and the process that keeps the sandbox.

``probe sandbox`` (probes/sandbox/sandbox.c) gets everything in its arguments. On one pipe it reports the
command's process and its end; other pipes carry messages of the agent and of itself. It ends the sandbox when
its lifeline pipe closes, which happens at the end of this process, whatever the cause.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
import signal
import socket
import struct
import subprocess
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import IO

from tracewhale.engines.embedded.sandbox import Sandbox
from tracewhale.errors import EngineError, ProbeError, UsageError
from tracewhale.running import session
from tracewhale.running.console import Console
from tracewhale.running.session import CHUNK, DRAIN_SECONDS, READY_SECONDS, STDERR, STDOUT, TargetProcess

NO_OVERLAY = 71
"""The probe's exit status where the kernel mounts no overlay (probes/sandbox/sandbox_mounts.h)."""

END_SECONDS = 10.0
"""Seconds in which the sandbox must end when it is asked to."""


class OverlayRefused(Exception):
    """The kernel refuses this overlay, so another kind of root must be tried."""


class SandboxSession(session.RunSession):
    """One sandbox, from before its start to after its end."""

    def __init__(self, sandbox: Sandbox, console: Console) -> None:
        super().__init__(console)
        self._sandbox = sandbox
        self._keeper: subprocess.Popen[bytes] | None = None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._lifeline: IO[bytes] | None = None
        self._agent_input: IO[bytes] | None = None
        self._terminal: io.FileIO | None = None
        self._handle_of_command = -1
        self._errors_ended = False
        self.pid = 0  # of the command, as this machine counts

    # Start to end.

    def start(self, argv: Sequence[str], *, interactive: bool, terminal: bool, recorded: bytes) -> None:
        """Make the sandbox and wait until the command is executed or could not be.

        Raise OverlayRefused, CommandNotFound, UsageError, EngineError, ProbeError.
        """
        theirs: dict[str, int] = {}
        self._lifeline = self._writer(theirs, "--lifeline")
        self._agent_input = self._writer(theirs, "--input")
        self._listen(theirs, "--events", lambda data: self.later(partial(self.learn, data)), self._agent_gone)
        self._listen(theirs, "--errors", self.agent_errors.extend, self._errors_gone)
        self._listen(theirs, "--status", self._hear_keeper, self._keeper_gone)
        ours: socket.socket | None = None
        if terminal:
            ours, other = socket.socketpair()
            theirs["--terminal"] = other.detach()
        try:
            self._keeper = self._sandbox.popen(
                [*self._sandbox.options, *(word for name, fd in theirs.items() for word in (name, str(fd)))],
                ["--mounts", *self._sandbox.mounts],
                argv,
                stdin=subprocess.PIPE if interactive and not terminal else subprocess.DEVNULL,
                output=subprocess.DEVNULL if terminal else subprocess.PIPE,
                descriptors=tuple(theirs.values()),
            )
        finally:
            for descriptor in theirs.values():
                os.close(descriptor)
        keeper = self._keeper
        if ours is not None:
            self.spawn(lambda: self._use_terminal(ours, interactive=interactive, recorded=recorded))
        else:
            self._pump(keeper, self.command)
            if interactive:
                assert keeper.stdin is not None
                self.spawn(partial(self._feed, keeper.stdin, recorded, close=True))
        if not self.wait(self._settled, READY_SECONDS):
            raise ProbeError(
                f"The probe did not start the command within {READY_SECONDS:g} seconds: {self._delay()}.",
                "Try it again when this machine has less to do.",
            )
        if 0 not in self.collector.started:
            self.wait(lambda: self._errors_ended, DRAIN_SECONDS)
            self._check_made()

    def _settled(self) -> bool:
        return self.agent_ended or (0 in self.collector.started and self.pid > 0)

    def _delay(self) -> str:
        """Return the event for which a start waited without success."""
        if words := self.probe_words():
            return words
        return "the agent did not take the command" if self.pid else "the sandbox was not ready"

    def _check_made(self) -> None:
        words = bytes(self.agent_errors).decode(errors="replace").strip()
        reason = words.rpartition("probe: sandbox: ")[2]
        if self.status == NO_OVERLAY:
            raise OverlayRefused(reason)
        if reason.startswith(NO_WORKDIR):
            raise UsageError(f"The command {reason}.", "Give another working directory with -w.")
        if reason != words:
            hint = PLACE_HINT if PLACES.match(reason) else HINT
            raise EngineError(f"The command cannot run in a sandbox: {reason}.", hint)

    def enter(self, argv: Sequence[str], *, seconds: float | None = None) -> tuple[TargetProcess, int]:
        """Run another process in the sandbox, traced, and return it with its exit status."""
        process = self.entering()
        running = self._sandbox.popen(
            ["--enter"],
            (),
            argv,
            stdin=subprocess.DEVNULL,
            output=subprocess.PIPE,
            joining=self.pid,
        )
        self._take(running.pid, process.listener)
        self._processes.append(running)
        self._pump(running, process)
        ended: list[int] = []
        self.spawn(lambda: self._await(running, ended))
        if not self.wait(lambda: bool(ended), seconds):
            return process, -1
        self.wait(lambda: process.drained, 1.0)
        return process, ended[0]

    def _await(self, running: subprocess.Popen[bytes], ended: list[int]) -> None:
        status = running.wait()
        self.later(lambda: ended.append(status if status >= 0 else 128 - status))

    def kill(self, number: int) -> None:
        """Send a signal to the command; it may have just ended."""
        with suppress(OSError):
            signal.pidfd_send_signal(self._handle_of_command, number)

    def resize(self) -> None:
        """Give the command's terminal the size of the user's terminal."""
        size = self.console.size() if self._terminal is not None else None
        if self._terminal is not None and size is not None:
            with suppress(OSError, ValueError):
                fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def tell_agent(self, line: str) -> bool:
        """Give the agent an order, and return whether there is an agent."""
        with suppress(OSError, ValueError):
            if self._agent_input is not None:
                self._agent_input.write(line.encode() + b"\n")
                return True
        return False

    def _take(self, pid: int, listener: int) -> None:
        """Have the agent take a process that becomes a command."""
        self.tell_agent(f"a {pid} {listener} {self._sandbox.token}")

    def process_status(self) -> str:
        """Return the command's /proc/PID/status, or an empty string if it has ended."""
        try:
            with open(f"/proc/{self.pid}/status", encoding="ascii", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def drain(self) -> None:
        """Wait after the command's end for the rest of its output and of the agent's events."""
        self.await_output(self.command)
        if not self.wait(lambda: self.agent_ended, DRAIN_SECONDS):
            raise ProbeError("The probe did not end after the command had.")

    def close(self) -> None:
        """End all processes in the sandbox, and close everything."""
        self.handle.connect(None)
        for file in (self._agent_input, self._lifeline):
            if file is not None:
                file.close()
        for process in filter(None, (self._keeper, *self._processes)):
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin is not None:
                with suppress(OSError):
                    process.stdin.close()
        if self._handle_of_command >= 0:
            os.close(self._handle_of_command)

    # Work of the threads.

    def _writer(self, theirs: dict[str, int], name: str) -> IO[bytes]:
        """Return our end of a new pipe to the sandbox; the other end joins the descriptors that it
        inherits."""
        theirs[name], end = os.pipe()
        return os.fdopen(end, "wb", buffering=0)

    def _listen(
        self,
        theirs: dict[str, int],
        name: str,
        take: Callable[[bytes], object],
        on_end: Callable[[], None],
    ) -> None:
        """Read a new pipe from the sandbox in a thread; at its end the waiting thread calls ``on_end``."""
        end, theirs[name] = os.pipe()

        def listen() -> None:
            with os.fdopen(end, "rb", buffering=0) as pipe:
                while data := pipe.read(CHUNK):
                    take(data)
            self.later(on_end)

        self.spawn(listen)

    def _agent_gone(self) -> None:
        self.agent_ended = True

    def _errors_gone(self) -> None:
        self._errors_ended = True

    def _keeper_gone(self) -> None:
        """Note the end of the keeper. The signal that killed it has killed the command, too, unless the
        command became another user."""
        if self.status is None and self.pid:
            self.kill(signal.SIGKILL)
            raise ProbeError("The process that keeps the sandbox was killed.")

    def _hear_keeper(self, data: bytes) -> None:
        for line in data.decode().splitlines():
            word, _, number = line.partition(" ")
            if word == "pid":
                with suppress(OSError):
                    self._handle_of_command = os.pidfd_open(int(number))
                self._take(int(number), 0)
                self.later(partial(self._command_waits, int(number)))
            elif word == "exit":
                self.later(partial(self._command_ended, int(number)))

    def _command_waits(self, pid: int) -> None:
        """Note that the command waits for the agent."""
        self.pid, self.begun = pid, True

    def _command_ended(self, status: int) -> None:
        """Note the end of the command. No process can enter any more, so the agent ends after its last
        event."""
        self.status = status
        if self._agent_input is not None:
            self._agent_input.close()

    def _pump(self, running: subprocess.Popen[bytes], process: TargetProcess) -> None:
        remaining = [STDOUT, STDERR]

        def done(stream: int) -> None:
            remaining.remove(stream)
            process.drained = not remaining

        def pump(pipe: IO[bytes], stream: int) -> None:
            with pipe:
                while data := pipe.read(CHUNK):
                    self.output(process, stream, data)
            self.later(partial(done, stream))

        assert running.stdout is not None
        assert running.stderr is not None
        self.spawn(partial(pump, running.stdout, STDOUT))
        self.spawn(partial(pump, running.stderr, STDERR))

    def _feed(self, pipe: IO[bytes], recorded: bytes, *, close: bool) -> None:
        def write(data: bytes) -> None:
            view = memoryview(data)
            while view:
                view = view[pipe.write(view) :]

        with suppress(OSError, ValueError):  # the command closed its input, or ended
            self.feed(write, recorded)
            if close:
                pipe.close()

    def _use_terminal(self, ours: socket.socket, *, interactive: bool, recorded: bytes) -> None:
        """Take our end of the command's terminal, and relay its input and output."""
        with ours:
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        if descriptors:
            with io.FileIO(descriptors[0], "r+") as terminal, suppress(OSError):  # EIO: nobody has it open
                self._terminal = terminal
                self.later(self.resize)
                if interactive:
                    self.spawn(partial(self._feed, terminal, recorded, close=False))
                while data := terminal.read(CHUNK):
                    self.output(self.command, STDOUT, data)
        self.later(lambda: setattr(self.command, "drained", True))


NO_WORKDIR = "cannot work in "

PLACES = re.compile("cannot make a place for |.* is not a directory of its own")
"""Messages of the probe that are about a request, not about this machine."""

PLACE_HINT = "The files of the target have something else there: mount elsewhere, or build the image again."

HINT = (
    "It takes root, in a container CAP_SYS_ADMIN too; or a kernel that lets every user make user name spaces "
    "(sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=1000 "
    "kernel.apparmor_restrict_unprivileged_userns=0)."
)
