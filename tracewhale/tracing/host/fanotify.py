"""The ``fanotify`` probe: ``probe fanotify`` reports the files that are opened."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from tracewhale.tracing.host import proc
from tracewhale.tracing.host.control import Control, Take
from tracewhale.tracing.host.recorder import Recorder
from tracewhale.tracing.host.relay import Relay
from tracewhale.tracing.records import StartRecord


class FanotifyRelay(Relay):
    """Marks the mounts of the first process that is taken; processes that enter later share them."""

    name = "fanotify"

    def __init__(self, recorder: Recorder, control: Control, probe: str) -> None:
        super().__init__(recorder, control, probe)
        self._going: list[Take] = []

    def start(self, take: Take) -> None:
        """See Relay.start."""
        self.spawn(str(take.pid))

    def let_go(self, take: Take) -> None:
        """See Relay.let_go."""
        with suppress(ProcessLookupError):
            os.kill(take.pid, signal.SIGUSR1)
        self._going.append(take)

    def is_busy(self) -> bool:
        """See Relay.is_busy. No event says which process has executed the command."""
        for take in list(self._going):
            if proc.is_held(take.pid, take.token) is None:
                self._going.remove(take)
                self._recorder.tell(StartRecord(take.listener, 0, ""))
        return super().is_busy() or bool(self._going)
