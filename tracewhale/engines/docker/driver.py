"""Run a command in a traced container, drive it, and collect the paths that it requested."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import Any

from docker import APIClient

from tracewhale.adoption import with_real_programs
from tracewhale.engines.docker.agent_container import ProbeContainers
from tracewhale.engines.docker.container_session import ContainerSession
from tracewhale.engines.docker.container_spec import (
    DOCKER_INIT,
    PROBE,
    PROBE_DIRECTORY,
    CreatePayload,
    fill_volumes,
    init_path,
    traced_spec,
    untraced_spec,
)
from tracewhale.engines.docker.containers import (
    connect_network,
    container,
    copied_volumes,
    docker_init,
    put_programs,
    token,
)
from tracewhale.engines.docker.facts import impossible_capabilities
from tracewhale.engines.docker.host_agent import HostedSession, agent_words
from tracewhale.engines.docker.workload_exec import workload_engine
from tracewhale.engines.docker.written_files import with_written
from tracewhale.engines.probes import SEES_FAILURES, Probe
from tracewhale.errors import CommandNotFound, EngineError, RunFailed, TargetNotFound
from tracewhale.rootfs.tree import Tree, View
from tracewhale.running.console import Console
from tracewhale.running.identity import identity, read_user_database
from tracewhale.running.result import Ending, RunResult
from tracewhale.running.run import Run, user_of
from tracewhale.running.service import HealthCheck, Service, health_check, ports_of
from tracewhale.running.steps import check_start, check_steps, drive, kill_error, named_ports
from tracewhale.running.stopping import DEFAULT_POLICY, StopPolicy
from tracewhale.tracing.events import Outcome, Step, Trace

DOORS = dict.fromkeys(Probe, "--hold") | {Probe.SECCOMP: "--agent", Probe.PTRACE: "--hold-traced"}
"""The option of `probe init` that says which probe traces the command."""

SIGNALS = range(129, 193)
"""Exit statuses that mean a signal: 128 + its number."""


def trace(
    client: APIClient,
    run: Run,
    *,
    tree: Tree,
    probe: bytes,
    steps: Sequence[Step] = (),
    console: Console | None = None,
    environment: Mapping[str, str] | None = None,
    kind: Probe = Probe.SECCOMP,
    changes: tuple[str, ...] = (),
    stopping: StopPolicy = DEFAULT_POLICY,
) -> RunResult:
    """Run ``run`` under the probe, and return the requested paths, the command's end and its output.

    ``tree`` is the file system of ``run.image`` (for its user database), ``probe`` the probe's binary for the
    engine's architecture, ``kind`` the probe that watches. ``steps`` drive the target in order; the image's
    health check always runs, last. ``environment`` is added to that of a workload. Without steps the run ends
    with the command.

    A run that fails has a trace, too. Raise UsageError, EmptyImage, CommandNotFound, TraceLost, ProbeError,
    Interrupted, EngineError. In every case no container or volume is left.
    """
    wanted = check_steps(steps)
    began = time.monotonic()
    plain = untraced_spec(run)
    passwd, group = read_user_database(tree)
    who = identity(user_of(run), passwd, group, plain.host.get("GroupAdd") or ())
    name = token()
    console = console or Console()
    console.progress("creating the container")
    with ExitStack() as stack:
        source = run.volumes_from or run.container
        _, volumes = stack.enter_context(copied_volumes(client, run.image, source, plain.copied))
        payload, entry = traced_spec(
            fill_volumes(plain, volumes), who, name, run, DOORS[kind], impossible_capabilities(client)
        )
        identifier = stack.enter_context(container(client, payload, name))
        for network in (run.base.get("Networks") or ())[1:]:
            connect_network(client, identifier, network)
        programs = {PROBE: probe}
        if payload.init:
            programs[init_path(payload)] = docker_init(client, run.image, probe)
        put_programs(client, identifier, programs, volume=bool(payload.host.get("ReadonlyRootfs")))
        probes = stack.enter_context(ProbeContainers(client, probe))
        if kind is Probe.SECCOMP:
            session = ContainerSession(client, identifier, name, entry, console)
        else:
            words = stack.enter_context(agent_words(kind, probe))
            session = HostedSession(client, identifier, name, entry, console, words)
        session.stop_policy = stopping
        session.payload, session.probes = payload, probes
        try:
            # Without commands on this machine nobody enters by the engine's own name.
            hosted = any(step.kind in ("workload", "wait") for step in wanted)
            with ExitStack() as driving:
                own = driving.enter_context(workload_engine(session, passwd, group)) if hosted else {}
                ending = _drive(session, run, payload, wanted, {**(environment or {}), **own})
            session.collector.finish()
        except TargetNotFound as error:
            raise EngineError(
                "The traced container was removed before its trace was over, and not by TraceWhale.",
                "Do not remove it: TraceWhale removes it at the end.",
            ) from error
        finally:
            session.close()
        outcome = _outcome(session, kind, stopped=ending.stopped)
        if ending.failure is None:
            outcome = with_written(outcome, session.state, tree, mounts_of(payload))
        recorded = Trace(
            target=run.target,
            image=run.identity,
            probe=kind.value,
            request=replace(run, input=bytes(session.recorded_input)).to_json(),
            events=frozenset(session.collector.events),
            moments=dict(session.collector.moments),
            execs=frozenset(session.collector.execs),
            unresolved=session.collector.unresolved,
            counters=session.collector.counters,
            outcome=outcome,
            steps=ending.steps,
            mounts=mounts_of(payload),
            changes=changes,
            seconds=time.monotonic() - began,
        )
        if kind is Probe.STRACE:
            recorded = with_real_programs(View(tree), recorded)
        return RunResult(recorded, ending.failure)


def _drive(
    session: ContainerSession,
    run: Run,
    payload: CreatePayload,
    steps: Sequence[Step],
    environment: Mapping[str, str],
) -> Ending:
    """Start the command, drive it, and wait for the end of its trace."""
    options = run.options
    session.attach(interactive=options.interactive, terminal=options.tty, recorded=run.input)
    exposed = ports_of(run.config.get("ExposedPorts"), payload.config.get("ExposedPorts"))
    step_ports = tuple(sorted(named_ports(steps) - {*exposed}))
    try:
        with session.console.raw() if options.tty else nullcontext():
            session.start((*exposed, *step_ports) if exposed else ())
            check_start(session, payload.argv[0])
            session.progress("tracing")
            service = service_of(session, exposed, health_check(_health(run)), environment, step_ports)
            taken, stopped = drive(session, service, steps)
        session.drain()
        if not stopped:
            _check_end(session, payload)
    except RunFailed as error:
        # The paths that it asked for until then show what it lacked.
        session.stop()
        session.drain()
        return Ending((), stopped=True, failure=error)
    return Ending(tuple(taken), stopped)


def _health(run: Run) -> Mapping[str, Any]:
    """Return the configuration of the health check: the image's, or a Compose file's."""
    own = run.base.get("Healthcheck")
    return {**run.config, "Healthcheck": own} if own else run.config


def _outcome(session: ContainerSession, kind: Probe, *, stopped: bool) -> Outcome:
    return Outcome(
        status=session.status or 0,
        stopped=stopped,
        signal=session.ending_signal,
        stdout=bytes(session.command.captured.stdout),
        stderr=bytes(session.command.captured.stderr),
        hostname=str(session.state["Config"].get("Hostname", "")),
        addresses=addresses_of(session.state),
        absent=session.collector.absent,
        failed=session.collector.failed if kind in SEES_FAILURES else None,
    )


def _check_end(session: ContainerSession, payload: CreatePayload) -> None:
    """Raise CommandKilled if a signal ended the command and we did not send it, CommandNotFound if init found
    no program."""
    status, word = session.status or 0, payload.argv[0]
    if status in SIGNALS and status - 128 not in session.signalled:
        raise kill_error(word, status, out_of_memory=bool(session.inspect()["State"].get("OOMKilled")))
    if payload.init and status in (126, 127) and len(session.collector.execs) < 2:
        reason = session.command.captured.tail(1)
        raise CommandNotFound(f"The command {word!r} cannot be executed in the image: {reason}.")


def service_of(
    session: ContainerSession,
    ports: Sequence[int],
    check: HealthCheck | None = None,
    environment: Mapping[str, str] | None = None,
    step_ports: Sequence[int] = (),
) -> Service:
    """Return the service of a running container, as steps use it; ``environment`` is added to that of a
    workload."""
    addresses = addresses_of(session.state)
    address = addresses[0] if addresses else "127.0.0.1"
    own = {"TRACEWHALE_CONTAINER": session.container, "TRACEWHALE_IP": address}
    variables = {**(environment or {}), **own}
    return Service(address, ports, step_ports, check, variables, addresses[1:])


def addresses_of(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the container's addresses, IPv4 first."""
    networks = (state.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = [network.get("IPAddress") for network in networks.values()]
    addresses += [network.get("GlobalIPv6Address") for network in networks.values()]
    return tuple(address for address in addresses if address)


RUNTIME_MOUNTS = ("/dev", "/proc", "/sys", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf")


def mounts_of(payload: CreatePayload) -> tuple[str, ...]:
    """Return the paths in the container at which the engine, the user or we mounted something.

    Anonymous volumes are left out, because the engine fills them from the image; so are a container's own
    volumes, because a container made from the new image gets them, too.
    """
    host = payload.host
    binds = [mount.split(":")[1] for mount in host.get("Binds") or ()]
    mounts = [mount for mount in host.get("Mounts") or () if mount["Target"] not in payload.copied]
    mounted = [str(mount["Target"]) for mount in mounts if mount.get("Source") or mount["Type"] == "tmpfs"]
    own = {PROBE_DIRECTORY, *([DOCKER_INIT] if payload.init else [])}
    return tuple(sorted({*RUNTIME_MOUNTS, *binds, *mounted, *(host.get("Tmpfs") or {}), *own}))
