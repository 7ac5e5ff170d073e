"""The orders on an agent's standard input, and the times of its regular tasks."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from tracewhale.tracing.host import listeners, proc
from tracewhale.tracing.host.recorder import Recorder
from tracewhale.tracing.records import Listening

WAKE = signal.SIGUSR1
EVERY = 0.1
"""Seconds between two checks of the counters and of ports."""
SOON = 0.005
"""Seconds between two checks of a process that will soon wait for us."""
HELD_WITHIN = 30.0
LISTENS_WITHIN = 1.0


@dataclass(frozen=True, slots=True)
class Take:
    """Take a process that ``probe init`` holds (``token``), or one that already runs ("")."""

    pid: int
    listener: int = 0
    token: str = ""


class Control:
    """Reads orders in a thread, and wakes the main thread, which waits for signals, with WAKE."""

    def __init__(self, recorder: Recorder) -> None:
        self.ended = False
        self.count: Callable[[], None] = recorder.count
        """Writes the counters on request."""
        self._recorder = recorder
        self._orders: SimpleQueue[str] = SimpleQueue()
        self._waiting: list[tuple[Take, float]] = []
        self._pid = 0
        self._ports: set[int] = set()
        self._next = 0.0
        self._listens_until = 0.0
        signal.pthread_sigmask(signal.SIG_BLOCK, {WAKE, signal.SIGCHLD})
        threading.Thread(target=self._read, args=(threading.get_ident(),), daemon=True).start()

    def _read(self, thread: int) -> None:
        with open(0, "rb", closefd=False) as orders:
            for line in orders:
                self._orders.put(os.fsdecode(line).strip())
                signal.pthread_kill(thread, WAKE)
        self._orders.put("")
        signal.pthread_kill(thread, WAKE)

    def saw_listen(self) -> None:
        """Look for ports soon, because a socket is about to listen."""
        self._listens_until = time.monotonic() + LISTENS_WITHIN

    def wait(self, *, soon: bool = False) -> None:
        """Wait for a child, an order, or the next regular task (``soon``: for some milliseconds)."""
        busy = self._listens_until or self._recorder.counters != self._recorder.last_counters
        if self._orders.empty():
            seconds = SOON if soon or self._waiting else EVERY if busy else 3600
            signal.sigtimedwait({WAKE, signal.SIGCHLD}, seconds)

    def pause(self) -> None:
        """Sleep for a few milliseconds."""
        time.sleep(SOON)

    def orders(self) -> Iterator[Take]:
        """Yield processes to take now, and do the tasks that are due."""
        while True:
            try:
                yield from self._order(self._orders.get_nowait())
            except Empty:
                break
        yield from self._held()
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self._recorder.count(always=False)
            self._look_at_ports(now)

    def _order(self, order: str) -> Iterator[Take]:
        words = order.split()
        if not words:
            self.ended = True
        elif words[0] == "c":
            self.count()
        elif words[0] == "A":
            self._pid = self._pid or int(words[1])
            self.saw_listen()
            yield Take(int(words[1]))
        elif words[0] == "a":
            self._pid = self._pid or int(words[1])
            take = Take(int(words[1]), int(words[2]), words[3])
            self._waiting.append((take, time.monotonic() + HELD_WITHIN))

    def _held(self) -> Iterator[Take]:
        """Yield the processes that now wait for us. One that ended before has reported the reason itself."""
        waiting, self._waiting = self._waiting, []
        for take, until in waiting:
            is_waiting = proc.is_held(take.pid, take.token)
            if is_waiting:
                yield take
            elif time.monotonic() < until and (is_waiting is False or os.path.exists(f"/proc/{take.pid}")):
                self._waiting.append((take, until))

    def _look_at_ports(self, now: float) -> None:
        if self._listens_until:
            for port in listeners.listening(self._pid) - self._ports:
                self._ports.add(port)
                self._recorder.tell(Listening(port))
            if now > self._listens_until:
                self._listens_until = 0.0
