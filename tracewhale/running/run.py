"""A requested run: its image, options and command. Frozen, and plain JSON when written."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tracewhale.errors import EmptyImage, TraceFileError
from tracewhale.running.options import RunOptions

CONTAINER = "container:"
"""The prefix of a container's id in place of an image's digest, which a container lacks."""


@dataclass(frozen=True, slots=True)
class Run:
    """The facts that ``docker run`` needs.

    ``target`` is the name that the user gave; ``image`` the identity (``sha256:...``) of the image that
    containers are made from, and ``config`` its configuration (the ``Config`` object of ``docker image
    inspect``). ``command`` are the words given by the user (empty: the image's own). For a container as the
    target, ``container`` is its id, ``command`` replaces the entrypoint, too, and ``base`` is its result of
    ``docker inspect`` (``Config``, ``HostConfig``, ``Mounts``), which ``options`` override. For a service of
    a Compose project, ``base`` has its ``HostConfig`` (``Binds`` and ``Mounts`` that are new for each run),
    ``Healthcheck``, and ``Networks`` with ``Name``, ``Aliases`` and ``IPAMConfig``. ``volumes_from`` is the
    container that has a copy of its volumes. ``input`` is the standard input of a recorded run.
    """

    target: str
    image: str
    config: Mapping[str, Any]
    options: RunOptions = field(default_factory=RunOptions)
    command: tuple[str, ...] = ()
    container: str = ""
    base: Mapping[str, Any] = field(default_factory=dict)
    input: bytes = b""
    volumes_from: str = ""

    @property
    def identity(self) -> str:
        """The name of the target in a trace: the image's digest, or ``container:ID``."""
        return f"{CONTAINER}{self.container}" if self.container else self.image

    def on(self, image: str, config: Mapping[str, Any]) -> Run:
        """Return the same run of another image, such as the new one in verification.

        If that image has the words of the run as its own command, it runs that.
        """
        new = replace(self, image=image, config=config)
        own = replace(new, command=(), options=replace(self.options, entrypoint=None))
        words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
        return own if words and tuple(words) == argv_of(self) else new

    def to_json(self) -> dict[str, Any]:
        """Return the ``request`` of a trace file: everything but the image itself."""
        return {
            "options": self.options.to_json(),
            "command": list(self.command),
            "container": self.container,
            "base": dict(self.base),
            "input": base64.b64encode(self.input).decode("ascii"),
        }

    @staticmethod
    def from_json(request: Mapping[str, Any], target: str, image: str, config: Mapping[str, Any]) -> Run:
        """Return the run of a trace file. Raise TraceFileError if its request is not valid."""
        try:
            return Run(
                target=target,
                image=image,
                config=config,
                options=RunOptions.from_json(request.get("options", {})),
                command=tuple(str(word) for word in request.get("command", ())),
                container=str(request.get("container", "")),
                base=dict(request.get("base", {})),
                input=base64.b64decode(request.get("input", ""), validate=True),
            )
        except (TypeError, ValueError, AttributeError) as error:
            raise TraceFileError(f"The trace's request is not one of this program's: {error}.") from error


def command_words(run: Run) -> tuple[list[str] | None, list[str] | None]:
    """Return ``Entrypoint`` and ``Cmd`` of the request; None means the image's own."""
    given = list(run.command) or None
    if run.options.entrypoint is not None:
        return [run.options.entrypoint], given
    if run.container and given:
        return [""], given
    return None, given


def argv_of(run: Run) -> tuple[str, ...]:
    """Return the words that the engine executes (moby's merge of the image's configuration). Raise
    EmptyImage."""
    entrypoint, command = command_words(run)
    if entrypoint is None:
        entrypoint = list(run.config.get("Entrypoint") or ())
        command = command if command is not None else list(run.config.get("Cmd") or ())
    words = [*([] if entrypoint == [""] else entrypoint), *(command or ())]
    if not words:
        raise EmptyImage(
            f"{run.target} has no command of its own, and none was given.",
            "Give one after `--`: ... -- COMMAND ARG...",
        )
    return tuple(words)


def adding(run: Run, variable: str, words: str) -> Run:
    """Return a run with words at the end of an environment variable."""
    value = f"{environment_of(run).get(variable, '')} {words}".strip()
    return replace(run, options=replace(run.options, env=(*run.options.env, f"{variable}={value}")))


def user_of(run: Run) -> str:
    """Return the effective USER string."""
    return str(run.options.user if run.options.user is not None else run.config.get("User") or "")


def environment_of(run: Run) -> dict[str, str]:
    """Return the variables of the image and the options by name, merged as by the engine."""
    merged = dict(_pair(text) for text in run.config.get("Env") or ())
    for text in run.options.env:
        if "=" in text:
            merged.update([_pair(text)])
        else:
            merged.pop(text, None)
    return merged


def _pair(assignment: str) -> tuple[str, str]:
    name, _, value = assignment.partition("=")
    return name, value
