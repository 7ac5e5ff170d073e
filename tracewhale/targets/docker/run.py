"""A run as asked for: which image, with which options and command. Frozen, and plain JSON when written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tracewhale.targets.options import RunOptions


@dataclass(frozen=True, slots=True)
class Run:
    """What ``docker run`` needs to know.

    ``target`` is what the user typed; ``image`` the identity (``sha256:...``) of the image that containers
    are made from, and ``config`` its configuration (the ``Config`` object of ``docker image inspect``).
    ``command`` are the words given by the user (empty: the image's own). For a container as the target
    ``container`` is its id, ``command`` replaces the entrypoint too, and ``base`` is what ``docker inspect``
    said of the container (``Config`` and ``HostConfig``), onto which ``options`` are laid.
    """

    target: str
    image: str
    config: Mapping[str, Any]
    options: RunOptions = field(default_factory=RunOptions)
    command: tuple[str, ...] = ()
    container: str = ""
    base: Mapping[str, Any] = field(default_factory=dict)

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
        }

    @staticmethod
    def from_json(request: Mapping[str, Any], target: str, image: str, config: Mapping[str, Any]) -> Run:
        """The run that a trace file tells of. Raises TraceFileError for a request that is none."""
        raise NotImplementedError
