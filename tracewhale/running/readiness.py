"""Wait until a target is ready: by its health check, its ports, or the user's condition."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from tracewhale.driving.waits import DEFAULT_SECONDS, Wait, WaitKind
from tracewhale.errors import WorkloadFailed
from tracewhale.running.service import HealthCheck, Service
from tracewhale.running.session import RunSession, TargetProcess, words_of
from tracewhale.running.web import Web
from tracewhale.running.workloads import ORPHANED, TIMED_OUT, Workloads
from tracewhale.tracing.events import Step

ANY_PORT_SECONDS = 3.0
"""Seconds to wait for any port if none is exposed: the target may not be a server."""
OTHER_PORT_SECONDS = 5.0
"""Seconds to wait for a port that the image exposes if the target already listens on another one."""
LOOK_SECONDS = 0.2
"""Seconds between two checks."""
LINES = 10
"""Lines of the target's output in a message."""


class Readiness:
    """Waits in a running session; the command's end ends every wait."""

    def __init__(self, session: RunSession, service: Service, web: Web, workloads: Workloads) -> None:
        self._session = session
        self._service = service
        self._web = web
        self._workloads = workloads

    def await_service(self, seconds: float, *, serving: bool) -> None:
        """Wait for the image's sign of readiness: its health check, else a port. With ``serving`` there must
        be one.

        Raise WorkloadFailed.
        """
        check, exposed = self._service.check, self._service.ports
        ports = sorted({*exposed, *self._service.step_ports}) if exposed else ()
        if check is not None:
            self._session.progress(f"waiting for the health check {check.text!r}")
            longest = seconds or max(DEFAULT_SECONDS, check.start_period)
            self._until(lambda: self._healthy(check), longest, f"its health check {check.text!r} to pass")
            return
        usual = DEFAULT_SECONDS if ports else ANY_PORT_SECONDS
        names = f"port {' or '.join(map(str, ports))}" if ports else "a port to be listened on"
        self._session.progress(f"waiting for {names}")

        others: list[float] = []  # when another port was first seen: an option may have chosen it

        def listens() -> bool:
            listening = self._session.listening()
            if listening and not others:
                others.append(time.monotonic())
            waited = bool(others) and time.monotonic() - others[0] >= OTHER_PORT_SECONDS
            wanted = listening & {*ports} if ports else listening
            return self._ended() or bool(wanted) or waited

        ready = self._look(listens, seconds if seconds or serving else usual)
        # An image may name a port on which its command does not listen: only a request needs one.
        if not ready and serving and not self._session.listening():
            raise self._late(f"{names}", seconds)

    def await_(self, wait: Wait, seconds: float) -> None:
        """Wait for the user's condition. Raise WorkloadFailed if it takes longer than ``seconds``."""
        self._session.progress(f"waiting for {wait}")
        self._until(self._looking_for(wait), seconds or DEFAULT_SECONDS, str(wait))

    def check_health(self, check: HealthCheck) -> Step:
        """Run the health check until it passes or the target counts as unhealthy. Raise WorkloadFailed."""
        began = time.monotonic()
        failures = 0
        while True:
            process, status = self._quietly(check.argv, check.timeout)
            if status == 0:
                return Step("healthcheck", check.text)
            # As the engine counts them: failures in the start period do not make it unhealthy.
            failures += time.monotonic() - began > check.start_period
            if failures >= check.retries or self._ended():
                ended = (
                    f" (the command had ended with status {self._session.status})" if self._ended() else ""
                )
                raise WorkloadFailed(
                    failure("health check", check.text, status, process.captured.tail()) + ended
                )
            self._session.wait(self._ended, min(check.interval, 1.0))

    def _ended(self) -> bool:
        return self._session.status is not None

    def _healthy(self, check: HealthCheck) -> bool:
        return self._quietly(check.argv, check.timeout)[1] == 0

    def _quietly(self, argv: Sequence[str], seconds: float) -> tuple[TargetProcess, int]:
        """Return whether a command in the target succeeds; the output of a failure is not shown."""
        self._session.quiet = True
        try:
            return self._session.enter(argv, seconds=seconds)
        finally:
            self._session.quiet = False

    def _looking_for(self, wait: Wait) -> Callable[[], bool]:
        match wait.kind:
            case WaitKind.PORT:
                return lambda: wait.port in self._session.listening()
            case WaitKind.HTTP:
                request = wait.request
                assert request is not None
                return lambda: 0 < self._web.send(request).answer.status < 400
            case WaitKind.LOG:
                return self._printed(wait.text)
            case WaitKind.COMMAND:
                return lambda: self._workloads.run(wait.text, seconds=DEFAULT_SECONDS, quiet=True)[1] == 0
            case WaitKind.EXEC:
                return lambda: self._quietly(words_of(wait.text), DEFAULT_SECONDS)[1] == 0

    def _printed(self, pattern: str) -> Callable[[], bool]:
        """Return whether a line of the output matches; each byte is examined a few times at most."""
        expression = re.compile(pattern.encode(), re.MULTILINE)
        captured = self._session.command.captured
        looked = {id(captured.stdout): 0, id(captured.stderr): 0}

        def is_printed() -> bool:
            for output in (captured.stdout, captured.stderr):
                end = len(output)
                fresh = bytes(output[looked[id(output)] : end])
                if expression.search(fresh):
                    return True
                looked[id(output)] += fresh.rfind(b"\n") + 1  # the last line may go on
            return False

        return is_printed

    def _until(self, ready: Callable[[], bool], seconds: float, condition: str) -> None:
        if not self._look(ready, seconds or DEFAULT_SECONDS):
            raise self._late(condition, seconds or DEFAULT_SECONDS)

    def _look(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Check repeatedly until ``ready`` holds or time is up; return False then, and if the command ends
        first."""
        deadline = time.monotonic() + (seconds or DEFAULT_SECONDS)
        while not ready():
            if self._ended() or time.monotonic() > deadline:
                return False
            self._session.wait(self._ended, LOOK_SECONDS)
        return True

    def _late(self, condition: str, seconds: float) -> WorkloadFailed:
        if self._ended():
            how = f"The command ended with status {self._session.status} while waiting for {condition}"
            return WorkloadFailed(how + last_words(self._session), RUNS)
        ports = ", ".join(map(str, sorted(self._session.listening())))
        listens = f"it listens on port {ports}" if ports else "it listens on no port"
        if local := self._session.local_listeners():
            listens += f" (what only it can reach: {', '.join(local)})"
        late = f"The target was not ready after {seconds or DEFAULT_SECONDS:g} s of waiting for {condition}"
        return WorkloadFailed(
            f"{late}: {listens}{last_words(self._session)}",
            "Name a sign of readiness with --wait-for, or allow more time with --wait-timeout.",
        )


RUNS = "Does it run with `docker run` and the same options?"


def last_words(session: RunSession) -> str:
    """Return the last output of a command as the end of a sentence about it."""
    tail = session.command.captured.tail(LINES)
    return f". Its last output:\n{tail}" if tail else ", and printed nothing."


def failure(kind: str, command: str, status: int, tail: str) -> str:
    """Return the error for a command that failed."""
    hows = {TIMED_OUT: "did not end in time", ORPHANED: "was still running when the command had ended"}
    how = hows.get(status, f"failed with status {status}")
    return f"The {kind} {command!r} {how}" + (f":\n{tail}" if tail else ".")
