"""Trace a container that already runs, from outside and without harm."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, cast

from docker import APIClient

from tracewhale.engines.docker.container_spec import EntrySpec
from tracewhale.engines.docker.driver import RUNTIME_MOUNTS, service_of
from tracewhale.engines.docker.engine import EngineObject, api_errors
from tracewhale.engines.docker.facts import facts
from tracewhale.engines.docker.host_agent import HostedSession, agent_words
from tracewhale.engines.docker.target import inspect_container
from tracewhale.engines.probes import Probe, choose
from tracewhale.errors import ProbeError, UsageError
from tracewhale.probe import binary
from tracewhale.running.console import Console
from tracewhale.running.identity import Identity
from tracewhale.running.run import CONTAINER, Run
from tracewhale.running.service import ports_of
from tracewhale.running.session import StopEarly
from tracewhale.running.steps import Driver, check_steps
from tracewhale.tracing.events import Event, Observer, Step, Trace
from tracewhale.tracing.host import proc

ATTACHING = (Probe.EBPF, Probe.PTRACE, Probe.STRACE)


class RunningSession(HostedSession):
    """A session in which signals end the trace, because the container belongs to somebody else."""

    def kill(self, number: int) -> None:
        """End the trace."""
        raise StopEarly

    def resize(self) -> None:
        """Do nothing: the terminal belongs to somebody else."""


def attach(
    client: APIClient,
    engine_object: EngineObject,
    *,
    kind: Probe,
    steps: Sequence[Step] = (),
    console: Console,
    observe: Observer | None = None,
) -> Trace:
    """Trace a running container until the steps are done, it ends, or the user ends the trace; it keeps
    running.

    Steps are workloads, requests, waits and times. Raise UsageError, ProbeError, WorkloadFailed, Interrupted,
    TraceLost.
    """
    wanted = check_steps(steps)
    if any(step.kind == "exec" or step.argument.startswith("exec:") for step in wanted):
        raise UsageError(
            "--exec starts a process in the container, which --attach only watches.",
            "Drive it with --workload, for example: --workload 'docker exec CONTAINER COMMAND'.",
        )
    state = _running(client, engine_object)
    chosen = choose(kind, facts(client), ATTACHING)[0]
    console.progress(f"tracing with {chosen.probe.value}: {chosen.why}")
    began = time.monotonic()
    with ExitStack() as stack:
        words = stack.enter_context(agent_words(chosen.probe, binary(os.uname().machine)))
        entry = EntrySpec(Identity(), 0)
        session = RunningSession(client, engine_object.container, "", entry, console, words)
        stack.callback(session.close)
        session.state = dict(state)
        session.observe = observe and _without_mounts(observe, _mounts(state))
        session.watch()
        session.attach_to(_pids(client, engine_object.container, state))
        taken = _drive(session, state, wanted)
        session.finish_agent()
        session.collector.finish()
    return Trace(
        target=engine_object.name,
        image=f"{CONTAINER}{engine_object.container}",
        probe=chosen.probe.value,
        request=_request(engine_object, state).to_json(),
        events=frozenset(session.collector.events),
        moments=dict(session.collector.moments),
        execs=frozenset(session.collector.execs),
        unresolved=session.collector.unresolved,
        counters=session.collector.counters,
        steps=tuple(taken),
        mounts=_mounts(state),
        seconds=time.monotonic() - began,
    )


def _without_mounts(observe: Observer, mounts: Sequence[str]) -> Observer:
    """Return an observer without paths below mounts, which are not the image's."""

    def call(event: Event) -> None:
        if not any(event.path == mount or event.path.startswith(f"{mount}/") for mount in mounts):
            observe(event)

    return call


def _running(client: APIClient, engine_object: EngineObject) -> Mapping[str, Any]:
    if not engine_object.container:
        raise UsageError(
            f"{engine_object.name} is an image, and --attach takes a running container.", "Leave it out."
        )
    state = inspect_container(client, engine_object.container)
    if not state["State"]["Running"] or state["State"]["Paused"]:
        raise UsageError(
            f"{engine_object.name} does not run: it is {state['State']['Status']}.",
            "Start it, or leave --attach out: then its command is run in a container made from it.",
        )
    return state


def _pids(client: APIClient, container: str, state: Mapping[str, Any]) -> list[int]:
    """Return the container's processes, the first one first. Raise ProbeError if they are on another
    machine."""
    first = int(state["State"]["Pid"])
    if not proc.is_of_container(first, container):
        raise ProbeError(
            "The engine's processes are not processes of this machine.",
            "Run TraceWhale where the engine runs, outside of any container.",
        )
    with api_errors("list the container's processes"):
        table = cast("dict[str, Any]", client.top(container, ps_args="-eo pid"))
    pids = {int(row[0]) for row in table["Processes"] or ()}
    return [first, *sorted(pids - {first})]


def _drive(session: RunningSession, state: Mapping[str, Any], steps: Sequence[Step]) -> list[Step]:
    ports = ports_of((state.get("Config") or {}).get("ExposedPorts"))
    with Driver(session, service_of(session, ports)) as driver:
        driver.take_until_stopped(steps)
        return driver.taken


def _request(engine_object: EngineObject, state: Mapping[str, Any]) -> Run:
    base = {key: state.get(key) for key in ("Config", "HostConfig", "Mounts")}
    return Run(engine_object.name, engine_object.image, {}, container=engine_object.container, base=base)


def _mounts(state: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the mounts without the container's own volumes, which a container made from it gets, too."""
    mounts = [mount["Destination"] for mount in state.get("Mounts") or () if mount["Type"] != "volume"]
    tmpfs = (state.get("HostConfig") or {}).get("Tmpfs") or {}
    return tuple(sorted({*RUNTIME_MOUNTS, *mounts, *tmpfs}))
