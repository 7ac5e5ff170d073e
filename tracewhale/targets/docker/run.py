"""A run as asked for: which image, with which options and command. Frozen, and plain JSON when written."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tracewhale.errors import TraceFileError
from tracewhale.targets.options import RunOptions


@dataclass(frozen=True, slots=True)
class Run:
    """What ``docker run`` needs to know.

    ``target`` is what the user typed; ``image`` the identity (``sha256:...``) of the image that containers
    are made from, and ``config`` its configuration (the ``Config`` object of ``docker image inspect``).
    ``command`` are the words given by the user (empty: the image's own). For a container as the target
    ``container`` is its id, ``command`` replaces the entrypoint too, and ``base`` is what ``docker
    inspect`` said of it (``Config``, ``HostConfig``, ``Mounts``), onto which ``options`` are laid;
    ``volumes_from`` is the container that has a copy of its volumes. ``input`` is what a recorded run was
    given on its standard input.
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

    def on(self, image: str, config: Mapping[str, Any]) -> Run:
        """The same run of another image: what verification does with the new one."""
        return replace(self, image=image, config=config)

    def to_json(self) -> dict[str, Any]:
        """The ``request`` of a trace file: everything but the image itself."""
        return {
            "options": self.options.to_json(),
            "command": list(self.command),
            "container": self.container,
            "base": dict(self.base),
            "input": base64.b64encode(self.input).decode("ascii"),
        }

    @staticmethod
    def from_json(request: Mapping[str, Any], target: str, image: str, config: Mapping[str, Any]) -> Run:
        """The run that a trace file tells of. Raises TraceFileError for a request that is none."""
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
