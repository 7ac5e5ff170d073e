"""The ``fanotify`` probe: ``probe fanotify`` tells what is opened; its records are passed on."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

from tracewhale.tracing.host import proc
from tracewhale.tracing.host.control import Control, Take
from tracewhale.tracing.host.recorder import Recorder
from tracewhale.tracing.host.request import UnsupportedByProbe
from tracewhale.tracing.records import Hello, Started
from tracewhale.tracing.stream import Decoder

CHUNK = 1 << 16


class Fanotified:
    """Marks the mounts of the first process that is taken; whatever enters later has the same."""

    def __init__(self, recorder: Recorder, control: Control, probe: str) -> None:
        self._recorder, self._control, self._probe = recorder, control, probe
        self._child: subprocess.Popen[bytes] | None = None
        self._decoder = Decoder()
        self._ready = False
        self._held: list[Take] = []
        self._going: list[Take] = []
        control.count = self._ask

    def run(self) -> None:
        """Until there is nothing more to come. Raises Refused when the kernel had to drop events."""
        while not self._control.ended:
            for take in self._control.orders():
                self._start(take.pid)
                self._held.append(take)
            self._read()
            self._look_after()
            if not self._control.ended:
                self._control.saw_listen()  # nobody tells when one does
                self._control.wait(soon=bool(self._held or self._going))
        self._finish()

    def _start(self, pid: int) -> None:
        if self._child is None:
            words = [self._probe, "fanotify", str(pid)]
            self._child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._child.stdout is not None
            os.set_blocking(self._child.stdout.fileno(), False)

    def _ask(self) -> None:
        if self._child is None:
            self._recorder.count()
        elif self._child.stdin is not None:
            self._child.stdin.write(b"c")
            self._child.stdin.flush()

    def _read(self) -> bool:
        """Pass on what there is; whether there may be more."""
        if self._child is None or self._child.stdout is None:
            return False
        with suppress(BlockingIOError):
            while data := os.read(self._child.stdout.fileno(), CHUNK):
                for record in self._decoder.feed(data):
                    self._ready |= isinstance(record, Hello)
                    if not isinstance(record, Hello):
                        self._recorder.tell(record)
            return False
        return True

    def _look_after(self) -> None:
        """Let those go on that wait, once the marks are there, and see which have executed their command."""
        if self._child is not None and self._child.poll() is not None:
            raise UnsupportedByProbe("`probe fanotify` ended")
        if self._ready:
            for take in self._held:
                with suppress(ProcessLookupError):
                    os.kill(take.pid, signal.SIGUSR1)
            self._going += self._held
            self._held = []
        for take in list(self._going):
            if proc.is_held(take.pid, take.token) is None:
                self._going.remove(take)
                self._recorder.tell(Started(take.listener, 0, ""))

    def _finish(self) -> None:
        if self._child is None:
            self._recorder.count()
            return
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        os.set_blocking(self._child.stdout.fileno(), True)
        self._read()
        self._decoder.finish()
        if self._child.wait():
            raise UnsupportedByProbe("`probe fanotify` ended with an error")
