"""Agents of the host that run a subcommand of the probe and pass its records on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from tracewhale.tracing.host.control import Control, Take
from tracewhale.tracing.host.recorder import Recorder
from tracewhale.tracing.host.request import UnsupportedByProbe
from tracewhale.tracing.records import (
    AccessRecord,
    CountersRecord,
    ExecRecord,
    FailureRecord,
    Program,
    Record,
)
from tracewhale.tracing.stream import Decoder, decode

CHUNK = 1 << 16


class Relay:
    """A subcommand of the probe, from its start to its end, and the processes that wait for it.

    Subclasses define ``start`` and ``let_go``.
    """

    name = ""
    translates = False
    """Whether this process has written records itself, so that its numbers differ from the child's."""

    def __init__(self, recorder: Recorder, control: Control, probe: str) -> None:
        self._recorder, self._control, self._probe = recorder, control, probe
        self._child: subprocess.Popen[bytes] | None = None
        self._decoder = Decoder()
        self._translator = Translator(recorder)
        self._ready = False
        self._held: list[Take] = []
        control.count = self._ask

    def start(self, take: Take) -> None:
        """Start the subcommand if it does not run yet."""
        raise NotImplementedError

    def let_go(self, take: Take) -> None:
        """Let a process continue; from now on its requests are seen."""
        raise NotImplementedError

    def is_busy(self) -> bool:
        """Return whether events are about to come."""
        return bool(self._held)

    def run(self) -> None:
        """Run until no process can come any more. Raise UnsupportedByProbe if the subcommand fails."""
        while not self._control.ended:
            for take in self._control.orders():
                self.start(take)
                self._held.append(take)
            self._read()
            self._look_after()
            if not self._control.ended:
                self._control.saw_listen()  # no event shows when a process listens
                self._control.wait(soon=self.is_busy())
        self._finish()

    def spawn(self, *words: str) -> None:
        """Run the subcommand with these arguments."""
        if self._child is None:
            argv = [self._probe, self.name, *words]
            self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._child.stdout is not None
            os.set_blocking(self._child.stdout.fileno(), False)

    def order(self, line: bytes) -> None:
        """Write to its standard input."""
        assert self._child is not None
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and said why
            self._child.stdin.write(line)
            self._child.stdin.flush()

    def _ask(self) -> None:
        if self._child is None:
            self._recorder.count()
        else:
            self.order(b"c\n")

    def _read(self) -> None:
        """Pass on the available records."""
        if self._child is None or self._child.stdout is None:
            return
        with suppress(BlockingIOError):
            while data := os.read(self._child.stdout.fileno(), CHUNK):
                self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        """Write the records, unchanged as long as this process has recorded no programs and calls itself."""
        if self._ready and not self.translates:
            self._recorder.pass_on(self._decoder.complete_records(data))
            return
        kept = []
        for body in self._decoder.bodies(data):
            if body.startswith(b"H"):
                self._ready = True
            elif self.translates:
                for record in self._translator.translated(decode(body)):
                    self._recorder.tell(record)
            else:
                kept += [len(body).to_bytes(4, "little"), body]
        self._recorder.pass_on(b"".join(kept))

    def _look_after(self) -> None:
        """Let the waiting processes continue once everything is ready."""
        if self._child is not None and self._child.poll() is not None:
            raise UnsupportedByProbe(f"`probe {self.name}` ended")
        if self._ready:
            for take in self._held:
                self.let_go(take)
            self._held = []

    def _finish(self) -> None:
        if self._child is None:
            self._recorder.count()
            return
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        os.set_blocking(self._child.stdout.fileno(), True)
        self._read()
        self._decoder.finish()
        if self._child.wait():
            raise UnsupportedByProbe(f"`probe {self.name}` ended with an error")


class Translator:
    """Turns records of a child into records with the numbers of the recorder, which may have written some
    itself."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._programs: dict[int, int] = {}

    def translated(self, record: Record) -> Iterator[Record]:
        """Yield the records to write in place of a record."""
        own = self._recorder.counters
        match record:
            case Program(number, path):
                self._programs[number] = self._recorder.program(path)
            case AccessRecord():
                program, received = self._programs[record.program], record.received + own.received
                yield replace(record, program=program, received=received)
            case ExecRecord() | FailureRecord():
                yield replace(record, program=self._programs.get(record.program, record.program))
            case CountersRecord(counters):
                yield CountersRecord(counters + own)
            case _:
                yield record
