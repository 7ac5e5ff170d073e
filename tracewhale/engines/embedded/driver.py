"""Run a command in a sandbox, drive it, and collect the paths that it requested."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from tracewhale import probe
from tracewhale.engines.embedded.command import (
    RunDirectories,
    check,
    hostname_of,
    sandbox_of,
)
from tracewhale.engines.embedded.files import make_sources, write_files
from tracewhale.engines.embedded.layout import user_mounts
from tracewhale.engines.embedded.machine import Machine
from tracewhale.engines.embedded.sandbox_session import SandboxSession
from tracewhale.engines.probes import Probe
from tracewhale.errors import RunFailed, TargetNotFound
from tracewhale.rootfs.tree import Tree
from tracewhale.running.console import Console
from tracewhale.running.identity import identity, read_user_database
from tracewhale.running.result import RunResult
from tracewhale.running.run import Run, argv_of, user_of
from tracewhale.running.service import Service, health_check, ports_of
from tracewhale.running.snapshot import writable_mounts
from tracewhale.running.steps import check_start, check_steps, drive, kill_error
from tracewhale.running.stopping import DEFAULT_POLICY, StopPolicy
from tracewhale.running.written_files import TooMuch, Writings
from tracewhale.tracing.events import Outcome, Step, Trace

ROOT_OVERLAY = "0/upper"
"""The directory for writes to the root, below that of the overlays (probes/sandbox/sandbox_mounts.c)."""

RUNTIME_MOUNTS = ("/dev", "/proc", "/sys", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")

SIGNALS = range(129, 193)
"""Exit statuses that mean a signal: 128 + its number."""


def trace(
    run: Run,
    machine: Machine,
    place: RunDirectories,
    *,
    tree: Tree,
    steps: Sequence[Step],
    console: Console,
    changes: tuple[str, ...] = (),
    stopping: StopPolicy = DEFAULT_POLICY,
) -> RunResult:
    """Run ``run`` under the probe, and return the requested paths, the command's end and its output.

    Raise OverlayRefused if the kernel refuses this root, UsageError, EmptyImage, CommandNotFound,
    CommandKilled, WorkloadFailed, TraceLost, ProbeError, Interrupted, EngineError. In every case no process
    is left.
    """
    check(run.options)
    wanted = check_steps(steps)
    began = time.monotonic()
    argv = argv_of(run)
    make_sources(run.options)
    who = identity(user_of(run), *read_user_database(tree))
    hostname = hostname_of(run.options, machine)
    os.mkdir(place.stage, 0o700)
    files = write_files(place.directory, run.options, hostname)
    with program(machine) as probe_file:
        sandbox = sandbox_of(run, machine, place, who, hostname, files, probe_file)
        session = SandboxSession(sandbox, console)
        session.stop_policy = stopping
        try:
            with console.raw() if run.options.tty else nullcontext():
                session.progress("tracing")
                options = run.options
                session.start(argv, interactive=options.interactive, terminal=options.tty, recorded=run.input)
                check_start(session, argv[0])
                own = {"TRACEWHALE_IP": "127.0.0.1", "TRACEWHALE_PID": str(session.pid)}
                ports = ports_of(run.config.get("ExposedPorts"))
                service = Service("127.0.0.1", ports, (), health_check(run.config), own)
                taken, stopped = drive(session, service, wanted)
            session.drain()
            _check_end(session, argv[0], stopped)
            recorded = _record(session, run, taken, stopped, hostname, began, changes)
            return RunResult(_with_written(recorded, run, place, tree))
        except RunFailed as error:
            # The paths that it asked for until then show what it lacked.
            session.stop()
            session.drain()
            return RunResult(_record(session, run, (), True, hostname, began, changes), error)
        finally:
            session.close()


def _record(
    session: SandboxSession,
    run: Run,
    steps: Sequence[Step],
    stopped: bool,
    hostname: str,
    start: float,
    changes: tuple[str, ...],
) -> Trace:
    """Return the trace of a run that is over. Raise TraceLost."""
    session.collector.finish()
    return Trace(
        target=run.target,
        image=run.image,
        probe=Probe.SECCOMP.value,
        request=replace(run, input=bytes(session.recorded_input)).to_json(),
        events=frozenset(session.collector.events),
        moments=dict(session.collector.moments),
        execs=frozenset(session.collector.execs),
        unresolved=session.collector.unresolved,
        counters=session.collector.counters,
        outcome=Outcome(
            status=session.status or 0,
            stopped=stopped,
            signal=session.ending_signal,
            stdout=bytes(session.command.captured.stdout),
            stderr=bytes(session.command.captured.stderr),
            hostname=hostname,
            absent=session.collector.absent,
            failed=session.collector.failed,
        ),
        steps=tuple(steps),
        mounts=tuple(sorted({*RUNTIME_MOUNTS, *user_mounts(run.options)})),
        changes=changes,
        seconds=time.monotonic() - start,
    )


def _with_written(recorded: Trace, run: Run, place: RunDirectories, image: Tree) -> Trace:
    """Return a trace with the files that the run wrote, unless they are too many; of those in memory, only
    the mounts."""
    outcome, mounts = recorded.outcome, writable_mounts(run.options)
    if outcome is None or not (place.upper or mounts):
        return recorded
    writings = Writings(outcome)
    try:
        if place.upper:
            writings.add_layer(os.path.join(place.upper, ROOT_OVERLAY), image, recorded.mounts)
        writings.add_mounts(mounts)
    except (TooMuch, TargetNotFound):
        return recorded
    return replace(recorded, outcome=replace(outcome, written=writings.files))


def _check_end(session: SandboxSession, word: str, is_stopped: bool) -> None:
    """Raise CommandKilled if a signal ended the command and we did not send it."""
    number = (session.status or 0) - 128
    if not is_stopped and number + 128 in SIGNALS and number not in session.signalled:
        raise kill_error(word, number + 128)


@contextmanager
def program(machine: Machine) -> Iterator[tuple[str, int]]:
    """Yield the probe as a file that cannot be changed, because processes in a sandbox may reach it."""
    descriptor = os.memfd_create("tracewhale-probe", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    try:
        view = memoryview(probe.binary(machine.architecture))
        while view:
            view = view[os.write(descriptor, view) :]
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        yield f"/proc/self/fd/{descriptor}", descriptor
    finally:
        os.close(descriptor)
