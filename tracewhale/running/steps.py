"""The steps that drive a traced target in order: workloads, execs, requests, times, and last the health
check."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from tracewhale.driving.request_line import place_of
from tracewhale.driving.waits import parse_wait
from tracewhale.errors import CommandKilled, CommandNotFound, ProbeError, UsageError, WorkloadFailed
from tracewhale.running.idle import until_idle
from tracewhale.running.readiness import RUNS, Readiness, failure, last_words
from tracewhale.running.service import Service
from tracewhale.running.session import DRAIN_SECONDS, RunSession, StopEarly, words_of
from tracewhale.running.web import Web
from tracewhale.running.workloads import Workloads
from tracewhale.tracing.events import Step

KINDS = ("workload", "exec", "for", "until-idle", "wait", "http", "crawl", "openapi")
"""Steps that a user asks for; the health check is implicit."""

ENDLESS_SECONDS = 2.0
"""Seconds after which a message explains how to end a command that no step drives."""
ENDLESS = (
    "waiting for the command to end; Ctrl-C ends it and goes on, and so do --for SECONDS, --http PATH, "
    "--workload CMD and --exec CMD"
)

SENDING = ("http", "crawl", "openapi")
"""Steps that send requests."""


def check_steps(steps: Sequence[Step]) -> list[Step]:
    """Return the steps. Raise UsageError for an invalid one, before any work."""
    for step in steps:
        try:
            if step.kind == "exec" and not words_of(step.argument):
                raise UsageError("--exec needs a command.")
            if step.kind == "for" and not 0 <= float(step.argument) < 1e9:
                raise UsageError(f"--for needs a number of seconds, not {step.argument!r}.")
            if step.kind == "until-idle" and not 0 < float(step.argument) < 1e9:
                raise UsageError(f"--until-idle needs a number of seconds, not {step.argument!r}.")
            if step.kind == "openapi" and not step.exchanges:
                most, _, place = step.argument.partition(" ")
                if int(most) not in range(1, 10001):
                    raise UsageError(f"--openapi-max is between 1 and 10000, and not {most}.")
                place_of(place)
            if step.kind == "wait" and step.argument:
                parse_wait(step.argument)
            if step.kind == "crawl" and not 0 <= int(step.argument or 0) <= 100:
                raise UsageError(f"--crawl needs a number of links, not {step.argument!r}.")
        except ValueError as error:
            name = "--wait-for" if step.kind == "wait" else f"--{step.kind}"
            raise UsageError(f"{name} {step.argument!r} is not valid: {error}.") from error
    return [step for step in steps if step.kind in KINDS]


def named_ports(steps: Sequence[Step]) -> set[int]:
    """Return the ports that steps name, in requests and in conditions of waits."""
    sent = {exchange.request.port for step in steps for exchange in step.exchanges}
    waits = [parse_wait(step.argument) for step in steps if step.kind == "wait" and step.argument]
    awaited = {wait.port or (wait.request.port if wait.request else 0) for wait in waits}
    return (sent | awaited) - {0}


def drive(session: RunSession, service: Service, steps: Sequence[Step]) -> tuple[list[Step], bool]:
    """Run the steps, and then the service's health check.

    Return the finished steps, and whether the command was stopped rather than ended. Raise WorkloadFailed,
    Interrupted.
    """
    with Driver(session, service) as driver:
        driver.take_until_stopped(steps)
        if service.check is not None and not driver.has_ended():
            driver.taken.append(driver.readiness.check_health(service.check))
        if driver.has_ended():
            return driver.taken, False
        session.synchronize()
        session.stop()
        return driver.taken, True


def check_start(session: RunSession, word: str) -> None:
    """Raise CommandNotFound if the command was not executed, ProbeError if the probe could not start."""
    started = session.collector.started.get(0)
    if started is not None and not started.errno:
        return
    if started is not None:
        reason = os.strerror(started.errno)
        if started.stage not in ("find", "execute"):
            reason = f"cannot {started.stage}: {reason}"
        raise CommandNotFound(
            f"The command {word!r} cannot be executed in the image: {reason}.",
            "Give each word as its own argument, as in -- echo hello; pass a whole line to sh -c."
            if " " in word
            else "",
        )
    # The agent may end with process 1, sometimes before it could report the start.
    session.wait(lambda: session.command.drained and session.status is not None, DRAIN_SECONDS)
    words = session.probe_words()
    if session.status in (126, 127) and (match := re.search(r"^probe: cannot .*: (.*)", words, re.MULTILINE)):
        raise CommandNotFound(f"The command {word!r} cannot be executed in the image: {match[1].strip()}.")
    if not session.collector.execs:
        raise ProbeError(
            f"The probe could not start the command in the container: {words or 'no reason given'}."
        )


def kill_error(word: str, status: int, *, out_of_memory: bool = False) -> CommandKilled:
    """Return the error for a command that ended with 128 + a signal's number, which may be a coincidence."""
    number = status - 128
    if out_of_memory:
        return CommandKilled(f"The command {word!r} was killed by signal {number} for using too much memory.")
    name = signal.Signals(number).name if number in {*signal.Signals} else "a real-time signal"
    return CommandKilled(
        f"The command {word!r} ended with status {status}, as one does that is killed by signal {number} "
        f"({name}).",
        "If it ends so by itself, have it end with a status below 129, which no signal gives.",
    )


class Driver:
    """Runs steps in a running session; ``taken`` are the finished ones."""

    def __init__(self, session: RunSession, service: Service) -> None:
        self.session, self.service = session, service
        self.taken: list[Step] = []
        self.web = Web(session, service)
        self.workloads = Workloads(session, service.environment)
        self.readiness = Readiness(session, service, self.web, self.workloads)
        self._ready = False
        self._seconds = 0.0  # how long the target may take to be ready; 0: as usual

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.web.close()
        self.workloads.close()

    def take_until_stopped(self, steps: Sequence[Step]) -> None:
        """Run the steps or, if there are none, wait for the command's end; the user may end the run
        earlier."""
        try:
            self.session.stoppable = True
            if self.session.interrupted:
                raise StopEarly
            for step in steps:
                self.taken.append(self._measured(self._take(step)))
            if not any(step.kind != "wait" for step in steps):
                if not self.session.wait(self.has_ended, ENDLESS_SECONDS):
                    self.session.progress(ENDLESS)
                self.session.wait(self.has_ended)
        except StopEarly:
            pass
        self.session.stoppable = False

    def _measured(self, step: Step) -> Step:
        """Return a step with the number of distinct accesses after it, unless it has counted them itself."""
        if step.kind == "wait":
            return step
        self.session.synchronize()
        return replace(step, growth=step.growth or (len(self.session.collector.events),))

    def has_ended(self) -> bool:
        """Return whether the command has."""
        return self.session.status is not None

    def _take(self, step: Step) -> Step:
        """Run one step, and return it with its result. Raise WorkloadFailed."""
        match step.kind:
            case "for":
                self.session.wait(self.has_ended, float(step.argument))
                return step
            case "until-idle":
                counts = until_idle(self.session, float(step.argument), step.seconds)
                return replace(step, growth=counts)
            case "wait":
                self._await(step)
                return step
        if not self._ready:
            self.readiness.await_service(self._seconds, serving=step.kind in SENDING)
            self._ready = True
        if self.has_ended():
            raise WorkloadFailed(
                f"The command ended with status {self.session.status} before the {step.kind} "
                f"{step.argument!r}{last_words(self.session)}",
                RUNS,
            )
        match step.kind:
            case "exec":
                return self._exec(step)
            case "workload":
                return self._workload(step)
            case _:
                return self.web.take(step)

    def _await(self, step: Step) -> None:
        """Wait for the condition of a step. A step without a condition only limits the wait for the target's
        own readiness."""
        if step.argument:
            self.readiness.await_(parse_wait(step.argument), step.seconds)
            self._ready = True
        else:
            self._seconds = step.seconds

    def _exec(self, step: Step) -> Step:
        process, status = self.session.enter(words_of(step.argument))
        if status != 0:
            raise WorkloadFailed(failure("exec", step.argument, status, process.captured.tail()))
        return replace(step, status=status)

    def _workload(self, step: Step) -> Step:
        captured, status = self.workloads.run(step.argument)
        if status != 0:
            ended = f"ended with status {self.session.status}" if self.has_ended() else "was still running"
            words = f"\nThe command {ended}{last_words(self.session)}"
            raise WorkloadFailed(failure("workload", step.argument, status, captured.tail()) + words)
        return step
