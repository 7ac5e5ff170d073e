"""A workload's ``docker exec`` into the traced container: a process that joins through the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from tracewhale.engines.docker.container_session import ContainerSession
from tracewhale.engines.docker.engine import api_errors, post
from tracewhale.engines.docker.exec_proxy import Answer, engine_socket, exec_proxy
from tracewhale.errors import TraceWhaleError
from tracewhale.running.identity import identity

T = TypeVar("T")

NO_SECOND_START: Answer = (
    409,
    {"message": "TraceWhale does not start a container that it traces again: a trace is of one run."},
)

KEPT = ("AttachStdin", "AttachStdout", "AttachStderr", "DetachKeys", "Tty")
"""The fields of the request (Engine API, ExecConfig) that are about streams."""


@contextmanager
def workload_engine(session: ContainerSession, passwd: str, group: str) -> Iterator[dict[str, str]]:
    """Yield variables for the session's workloads that make their ``docker exec`` safe and traced.

    ``passwd`` and ``group`` are the image's user database. Yield nothing if the engine has no socket on this
    machine.
    """
    engine = engine_socket(session.client)
    if not engine:
        yield {}
        return

    def answering(name: str, verb: str, request: Mapping[str, Any]) -> Answer | None:
        if not _is(session, name) or request.get("Privileged"):
            return None
        if verb != "exec":
            return NO_SECOND_START
        try:
            return 201, {"Id": _in_session(session, partial(_create, session, request, passwd, group))}
        except TraceWhaleError as error:
            return 500, {"message": error.what}

    with exec_proxy(engine, answering) as host:
        yield {"DOCKER_HOST": host}


def _is(session: ContainerSession, name: str) -> bool:
    container_name = str(session.state.get("Name", "")).lstrip("/")
    return name == container_name or (bool(name) and session.container.startswith(name))


def _in_session(session: ContainerSession, work: Callable[[], T]) -> T:
    """Run the work in the session's own thread, which waits for the workload."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    session.later(run)
    return future.result()


def _create(session: ContainerSession, request: Mapping[str, Any], passwd: str, group: str) -> str:
    entry = session.entry
    if request.get("User"):
        who = identity(str(request["User"]), passwd, group)
        entry = replace(entry, identity=who, home=who.home if entry.home else "")
    gate, words, environment = session.joining(
        [str(word) for word in request.get("Cmd") or ()], entry, str(request.get("WorkingDir") or "")
    )
    body = {key: request[key] for key in KEPT if key in request}
    body |= {"Cmd": words, "Env": [*environment, *(request.get("Env") or ())]}
    with api_errors("execute a command of the workload in the container"):
        identifier = str(post(session.client, f"/containers/{gate}/exec", json=body).json()["Id"])
    process = session.entering()
    session.spawn(partial(_take, session, identifier, process))
    return identifier


def _take(session: ContainerSession, identifier: str, process: Any) -> None:
    """Have the agent take the process once it is started."""
    pid = session.pid_of_exec(identifier)
    if pid:
        session.later(partial(session.take, pid, process.listener))
