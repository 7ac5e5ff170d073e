"""The steps that drive a traced target, in order: workloads, execs, times, the health check."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from tracewhale.errors import CommandKilled, CommandNotFound, ProbeError, UsageError, WorkloadFailed
from tracewhale.running.session import CHUNK, DRAIN_SECONDS, STDERR, Captured, RunSession, StopEarly, words_of
from tracewhale.tracing.events import Step

EXPOSED_SECONDS = 30.0
"""How long a server may take to listen on a port that its image exposes."""
ANY_PORT_SECONDS = 3.0
"""How long to wait for any port when none is exposed: it may be no server."""
LAST_WORDS_SECONDS = 2.0
"""How long what a failed workload printed may take to arrive."""
NANOSECONDS = 1_000_000_000
PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """The image's HEALTHCHECK (OCI-like ``Healthcheck`` object, times in seconds), as one command."""

    argv: tuple[str, ...]
    text: str
    interval: float
    timeout: float
    start_period: float
    retries: int


def health_check(config: Mapping[str, Any]) -> HealthCheck | None:
    """Return what an image's configuration says, or None if it has none, or NONE."""
    check = config.get("Healthcheck") or {}
    kind, *words = check.get("Test") or ["NONE"]
    if kind == "CMD-SHELL" and words:
        argv = (*(config.get("Shell") or ("/bin/sh", "-c")), words[0])
    elif kind == "CMD" and words:
        argv = tuple(words)
    else:
        return None

    def seconds(name: str, default: float) -> float:
        return (check.get(name) or default * NANOSECONDS) / NANOSECONDS

    return HealthCheck(
        argv=argv,
        text=" ".join(words),
        interval=seconds("Interval", 30),
        timeout=seconds("Timeout", 30),
        start_period=seconds("StartPeriod", 0),
        retries=check.get("Retries") or 3,
    )


def checked(steps: Sequence[Step]) -> list[Step]:
    """Return the steps that can be taken. Raises UsageError for one that makes no sense, before any work."""
    for step in steps:
        try:
            if step.kind == "exec" and not words_of(step.argument):
                raise UsageError("--exec needs a command.")
            if step.kind == "for" and not 0 <= float(step.argument) < 1e9:
                raise UsageError(f"--for needs a number of seconds, not {step.argument!r}.")
        except ValueError as error:
            name = "--exec" if step.kind == "exec" else "--for"
            raise UsageError(f"{name} {step.argument!r} makes no sense: {error}.") from error
    return [step for step in steps if step.kind in ("workload", "exec", "for")]


@contextmanager
def workloads() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield the workloads' processes, each the leader of its own group; what is left of them ends here."""
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield started
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def drive(
    session: RunSession,
    config: Mapping[str, Any],
    steps: Sequence[Step],
    ports: Sequence[int],
    environment: Mapping[str, str],
) -> tuple[list[Step], bool]:
    """Take the steps and the health check of an image's ``config``.

    ``ports`` are those that a server should listen on, ``environment`` is added to a workload's. Returns
    the steps taken, and whether the command was stopped rather than ended. Raises WorkloadFailed,
    Interrupted.
    """
    taken: list[Step] = []
    with workloads() as started:
        driver = Driver(session, environment, ports, started)
        try:
            session.stoppable = True
            if session.interrupted:
                raise StopEarly
            driver.take(steps, taken)
            if not steps:
                session.wait(driver.ended)
        except StopEarly:
            pass
        session.stoppable = False
        check = health_check(config)
        if check is not None and not driver.ended():
            taken.append(driver.check_health(check))
        if driver.ended():
            return taken, False
        session.synchronize()
        session.stop()
        return taken, True


def check_start(session: RunSession, word: str) -> None:
    """Raises CommandNotFound when the command was not executed, ProbeError when the probe could not start."""
    started = session.collector.started.get(0)
    if started is not None and not started.errno:
        return
    if started is not None:
        reason = os.strerror(started.errno)
        if started.stage not in ("find", "execute"):
            reason = f"cannot {started.stage}: {reason}"
        raise CommandNotFound(
            f"The command {word!r} cannot be executed in the image: {reason}.",
            "Its words are arguments of their own, as in -- echo hello; a whole line is for sh -c."
            if " " in word
            else "",
        )
    # The agent may end with process 1, sometimes before it could tell of the start.
    session.wait(lambda: session.command.drained and session.status is not None, DRAIN_SECONDS)
    words = session.probe_words()
    if session.status in (126, 127) and (found := re.search(r"^probe: cannot .*: (.*)", words, re.MULTILINE)):
        raise CommandNotFound(f"The command {word!r} cannot be executed in the image: {found[1].strip()}.")
    if not session.collector.execs:
        raise ProbeError(
            f"The probe could not start the command in the container: {words or 'no reason given'}."
        )


def killed(word: str, status: int, *, out_of_memory: bool = False) -> CommandKilled:
    """Return the error for a command that ended with 128 + a signal's number, which need not have been
    sent."""
    number = status - 128
    if out_of_memory:
        return CommandKilled(f"The command {word!r} was killed by signal {number} for using too much memory.")
    name = signal.Signals(number).name if number in {*signal.Signals} else "a real-time signal"
    return CommandKilled(
        f"The command {word!r} ended with status {status}, as one does that is killed by signal {number} "
        f"({name}).",
        "If it ends so by itself, have it end with a status below 129, which no signal gives.",
    )


def ports_of(*exposed: Mapping[str, Any] | None) -> tuple[int, ...]:
    """Return the TCP ports in some ``ExposedPorts`` objects, sorted."""
    names = {name for each in exposed for name in each or ()}
    ports = {name.partition("/")[0] for name in names if name.partition("/")[2] in ("", "tcp")}
    numbers = {int(port) for port in ports if re.fullmatch("[0-9]{1,5}", port)}
    return tuple(sorted(number for number in numbers if number in PORTS))


@dataclass(slots=True)
class Driver:
    """Takes steps in a running session. ``ports`` are those that a server should listen on."""

    session: RunSession
    environment: Mapping[str, str]
    ports: Sequence[int]
    started: list[subprocess.Popen[bytes]]

    def take(self, steps: Sequence[Step], taken: list[Step]) -> None:
        """Take the steps, in order; each joins ``taken`` when it is done. Raises WorkloadFailed."""
        ready = False
        for step in steps:
            if step.kind == "for":
                self.session.wait(self.ended, float(step.argument))
                taken.append(step)
                continue
            if not ready:
                self.await_port()
                ready = True
            if self.ended():
                raise WorkloadFailed(
                    f"The command ended with status {self.session.status} before the {step.kind} "
                    f"{step.argument!r}{self._last_words()}.",
                    "Does it run with `docker run` and the same options?",
                )
            taken.append(self._exec(step) if step.kind == "exec" else self._workload(step))

    def ended(self) -> bool:
        """Return whether the command has."""
        return self.session.status is not None

    def await_port(self) -> None:
        """Wait until a server listens, its command ends, or long enough."""
        listening = self.session.collector.listening
        wanted = set(self.ports)

        def ready() -> bool:
            return self.ended() or bool(listening & wanted if wanted else listening)

        self.session.wait(ready, EXPOSED_SECONDS if wanted else ANY_PORT_SECONDS)

    def _last_words(self) -> str:
        tail = self.session.command.captured.tail()
        return f". Its last output:\n{tail}" if tail else ", and printed nothing."

    def _exec(self, step: Step) -> Step:
        process, status = self.session.enter(words_of(step.argument))
        if status != 0:
            raise WorkloadFailed(_failure("exec", step.argument, status, process.captured.tail()))
        return replace(step, status=status)

    def _workload(self, step: Step) -> Step:
        captured = Captured()
        process = subprocess.Popen(
            ["/bin/sh", "-c", step.argument],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.started.append(process)
        done: list[int] = []
        ended: list[bool] = []
        self.session.spawn(lambda: self._pass_on(process, captured, ended))
        self.session.spawn(lambda: self._await(process, done))
        self.session.wait(lambda: bool(done))
        if done[0] != 0:
            # What it printed last may still be on its way; one that it left behind may hold its output open.
            self.session.wait(lambda: bool(ended), LAST_WORDS_SECONDS)
            status = done[0] if done[0] > 0 else 128 - done[0]
            died = f" (the command had ended with status {self.session.status})" if self.ended() else ""
            raise WorkloadFailed(_failure("workload", step.argument, status, captured.tail()) + died)
        return step

    def _await(self, process: subprocess.Popen[bytes], done: list[int]) -> None:
        status = process.wait()
        self.session.later(lambda: done.append(status))

    def _pass_on(self, process: subprocess.Popen[bytes], captured: Captured, ended: list[bool]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            while data := os.read(output.fileno(), CHUNK):
                captured.add(STDERR, data)
                self.session.console.stderr(data)
        self.session.later(lambda: ended.append(True))

    def check_health(self, check: HealthCheck) -> Step:
        """Return the health check, until it passes or would be found unhealthy. Raises WorkloadFailed."""
        began = time.monotonic()
        failures = 0
        while True:
            process, status = self.session.enter(check.argv, seconds=check.timeout)
            if status == 0:
                return Step("healthcheck", check.text)
            # As the engine counts them: what fails in the start period does not make it unhealthy.
            failures += time.monotonic() - began > check.start_period
            if failures >= check.retries or self.ended():
                raise WorkloadFailed(
                    _failure("health check", check.text, status, process.captured.tail())
                    + (f" (the command had ended with status {self.session.status})" if self.ended() else "")
                )
            self.session.wait(self.ended, min(check.interval, 1.0))


def _failure(kind: str, command: str, status: int, tail: str) -> str:
    how = "did not end in time" if status == -1 else f"failed with status {status}"
    return f"The {kind} {command!r} {how}" + (f":\n{tail}" if tail else ".")
