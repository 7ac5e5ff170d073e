"""A copy of a Compose project beside a traced service, started for each run and removed after it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any, cast

import yaml
from docker import APIClient
from docker.errors import APIError

from tracewhale.engines.base import Request
from tracewhale.engines.docker.containers import remove, token
from tracewhale.engines.docker.engine import api_errors, connect, inspect_image
from tracewhale.engines.docker.interrupts import run_to_end
from tracewhale.engines.docker.leftovers import OWNER, owner, remove_leftovers
from tracewhale.engines.docker.target import inspect_container
from tracewhale.errors import EngineError, TargetNotFound, UsageError, WorkloadFailed
from tracewhale.running.compose import Composition, as_options, composition, overlaid, project_name
from tracewhale.running.console import Progress

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
"""Labels of the objects that Compose makes."""

AWAITED_SECONDS = 120.0
"""The default number of seconds in which a service must reach the condition that the traced one waits for."""
START_SECONDS = 600.0
"""Seconds in which Compose must have fetched and created the traced service, and as many for the start of the
others, in the order of their dependencies."""
BUILD_SECONDS = 3600.0
"""Seconds in which Compose must have built the images that are missing."""
QUESTION_SECONDS = 60.0
"""Seconds in which Compose must answer a question about a file or itself."""
REMOVE_SECONDS = 120.0
"""Seconds for the removal of a project, and for each answer of the engine meanwhile."""
LOOK_SECONDS = 0.3
END_SECONDS = 5.0
"""Seconds that Compose has to end after a signal, before it is killed."""
LINES = 8


@dataclass(frozen=True, slots=True)
class ComposeProject:
    """A resolved copy of a project; its services run only within ``running``."""

    composition: Composition
    command: tuple[str, ...]
    client: APIClient
    progress: Progress
    seconds: float

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start the other services with new volumes and networks, and remove all of it at the end.

        Raise EngineError if Compose fails, WorkloadFailed if a service does not reach the condition that the
        traced one waits for.
        """
        service = self.composition
        try:
            # Created and not started, the traced service has its networks and volumes made. Not the others:
            # docker-compose 1 waits for the services that they depend on, which nothing has started.
            self._up("--no-start", service.service)
            if service.others:
                self.progress(f"starting {', '.join(service.others)}")
                self._up("-d", *service.others)
            for name, condition in service.conditions.items():
                self._await(name, condition)
            yield
        finally:
            self.progress("taking the Compose project down")
            run_to_end(partial(remove_project, self.client, service.project))

    def request(self, request: Request) -> Request:
        """Return the request with which Compose would run the service, and the user's options on top of
        it."""
        service = self.composition
        try:
            self._up("--no-start", service.service)
            (container,) = _containers(self.client, service.project, service.service)
            created = inspect_container(self.client, container["Id"])
            image = inspect_image(self.client, str(created["Image"]))["Config"] or {}
        finally:
            run_to_end(partial(remove_project, self.client, service.project))
        options, words, base = as_options(created, image, service.volumes)
        networks = () if request.options.network else service.networks
        return replace(
            request,
            options=overlaid(options, request.options),
            command=request.command or words,
            base={**base, "Networks": list(networks)},
        )

    def _up(self, *words: str) -> None:
        _compose(self.command, "up", *words, seconds=max(self.seconds, START_SECONDS))

    def _await(self, name: str, condition: str) -> None:
        self.progress(f"waiting for {name} ({condition})")
        deadline = time.monotonic() + self.seconds
        while True:
            listed = _containers(self.client, self.composition.project, name)
            states = [inspect_container(self.client, container["Id"])["State"] for container in listed]
            if states and all(_holds(condition, state) for state in states):
                return
            failed = next((why for state in states if (why := _failed(condition, state))), "")
            if failed or time.monotonic() > deadline:
                why = failed or f"is not what {self.composition.service} awaits after {self.seconds:g} s"
                words = self._last_words(listed)
                raise WorkloadFailed(
                    f"The service {name} {why} ({condition}){words}",
                    "Check that it starts with `docker compose up`.",
                )
            time.sleep(LOOK_SECONDS)

    def _last_words(self, listed: Sequence[Mapping[str, Any]]) -> str:
        with suppress(APIError):
            for container in listed:
                printed = self.client.logs(container["Id"], tail=LINES)
                if text := printed.decode(errors="replace").strip():
                    return f". Its last output:\n{text}"
        return ", and printed nothing."


def _holds(condition: str, state: Mapping[str, Any]) -> bool:
    match condition:
        case "service_healthy":
            return str((state.get("Health") or {}).get("Status")) == "healthy"
        case "service_completed_successfully":
            return (state["Status"], state["ExitCode"]) == ("exited", 0)
        case _:
            return state["Status"] in ("running", "exited")


def _failed(condition: str, state: Mapping[str, Any]) -> str:
    if state["Status"] in ("exited", "dead") and condition != "service_started":
        return f"ended with status {state['ExitCode']}"
    if condition == "service_healthy":
        health = state.get("Health")
        if not health:
            return "has no health check, by which it could be awaited"
        if health.get("Status") == "unhealthy":
            return "is unhealthy"
    return ""


@contextmanager
def open_project(
    files: Sequence[str],
    service: str,
    progress: Progress,
    seconds: float = 0.0,
    environ: Mapping[str, str] = os.environ,
) -> Iterator[ComposeProject]:
    """Resolve Compose files and build missing images.

    Raise UsageError for files that Compose refuses or a service that they lack, EngineError without Compose.
    """
    for file in files:
        if not os.path.isfile(file):
            raise UsageError(f"The Compose file {file} is not there.", "Name a file with --compose.")
    program = find_compose(environ)
    client = connect(environ)
    remove_leftovers(client)
    theirs = (*program, *(word for file in files for word in ("-f", os.path.abspath(file))))
    progress(f"reading {', '.join(files)}")
    resolved = _resolved(theirs, files)
    own = project_name(resolved, files[0], environ)
    project = composition(
        resolved,
        service,
        own=own,
        project=f"tracewhale{token()}",
        separator="_" if program[0] == "docker-compose" else "-",
        labels={OWNER: owner()},
    )
    images = project.file["services"]
    if missing := [name for name in project.building if not _has_image(client, images[name]["image"])]:
        progress(f"building {', '.join(missing)}")
        _compose((*theirs, "-p", own), "build", *missing, seconds=max(seconds, BUILD_SECONDS))
    with tempfile.TemporaryDirectory(prefix="tracewhale-compose-") as directory:
        copy = os.path.join(directory, "compose.json")
        with open(copy, "x", encoding="utf-8") as file_:
            json.dump(project.file, file_)
        beside = os.path.dirname(os.path.abspath(files[0]))
        ours = (*program, "-f", copy, "--project-directory", beside, "-p", project.project)
        yield ComposeProject(project, ours, client, progress, seconds or AWAITED_SECONDS)


def find_compose(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the command of Compose: the plugin of ``docker``, else ``docker-compose``."""
    path = environ.get("PATH")
    if shutil.which("docker", path=path):
        with suppress(EngineError, WorkloadFailed):
            _compose(("docker", "compose"), "version", seconds=QUESTION_SECONDS)
            return ("docker", "compose")
    if shutil.which("docker-compose", path=path):
        return ("docker-compose",)
    raise EngineError(
        "Compose is not installed: there is neither `docker compose` nor `docker-compose`.",
        "Install the Compose plugin of Docker, or trace the service's image by itself.",
    )


def _resolved(command: Sequence[str], files: Sequence[str]) -> Mapping[str, Any]:
    try:
        value = yaml.safe_load(_compose(command, "config", seconds=QUESTION_SECONDS))
    except EngineError as error:
        raise UsageError(f"Compose refuses {', '.join(files)}: {error.what}", error.hint) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise EngineError("What `compose config` printed is not YAML.") from error
    return value if isinstance(value, dict) else {}


def _compose(command: Sequence[str], *words: str, seconds: float) -> str:
    """Run Compose to its end and return its output. Raise EngineError with its last lines, WorkloadFailed if
    it takes longer than ``seconds``.

    Compose gets its own session, so that only we receive a Ctrl-C; it is ended before that is raised.
    """
    # Files, because a process that Compose leaves behind would hold a pipe open.
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, *words],
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=said,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            _end(process)
            raise WorkloadFailed(
                "\n".join([f"`compose {words[0]}` did not end within {seconds:g} s.", *_last_lines(said)]),
                "Check that it starts with `docker compose up`, or allow more time with --wait-timeout.",
            ) from error
        except BaseException:
            _end(process)
            raise
        if process.returncode:
            raise EngineError("\n".join([f"`compose {words[0]}` failed.", *_last_lines(said)]))
        printed.seek(0)
        return printed.read().decode(errors="replace")


def _last_lines(file: IO[bytes]) -> list[str]:
    file.seek(0)
    return file.read().decode(errors="replace").strip().splitlines()[-LINES:]


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(END_SECONDS)
            return


def _containers(client: APIClient, project: str, service: str = "") -> list[dict[str, Any]]:
    labels = [f"{PROJECT}={project}", *([f"{SERVICE}={service}"] if service else [])]
    with api_errors("list the project's containers"):
        return cast("list[dict[str, Any]]", client.containers(all=True, filters={"label": labels}))


def remove_project(client: APIClient, project: str) -> None:
    """Remove the containers, networks and volumes of a project, until a search finds none.

    Compose itself is not used: it may have been ended while it created them. Raise EngineError if something
    is left after REMOVE_SECONDS.
    """
    deadline = time.monotonic() + REMOVE_SECONDS
    usual, client.timeout = client.timeout, int(REMOVE_SECONDS)
    try:
        # A request in flight may still create objects, so a first search that finds none is not the last.
        _remove_found(client, project)
        while _remove_found(client, project):
            if time.monotonic() > deadline:
                raise EngineError(
                    f"The Compose project {project} could not be removed.",
                    f"Remove what has the label {PROJECT}={project}.",
                )
            time.sleep(LOOK_SECONDS)
    finally:
        client.timeout = usual


def _remove_found(client: APIClient, project: str) -> bool:
    """Remove the objects of a project that a search finds, and return whether there were any.

    An object that cannot be removed is still in use, or already gone: the next search shows which.
    """
    label = {"label": f"{PROJECT}={project}"}
    raw = cast(Any, client)
    containers = _containers(client, project)
    for container in containers:
        with suppress(EngineError):
            remove(client, container["Id"])
    with api_errors("look for the project's networks and volumes"):
        networks = [network["Id"] for network in raw.networks(filters=label)]
        volumes = [volume["Name"] for volume in raw.volumes(filters=label)["Volumes"] or ()]
    for work, names in ((raw.remove_network, networks), (raw.remove_volume, volumes)):
        for name in names:
            with suppress(EngineError), api_errors("remove the project's networks and volumes"):
                work(name)
    return bool(containers or networks or volumes)


def _has_image(client: APIClient, name: str) -> bool:
    try:
        inspect_image(client, name)
    except TargetNotFound:
        return False
    return True
