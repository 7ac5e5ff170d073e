"""The options of ``docker run`` that change what a program sees, with the same names and meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options as the engine takes them: paths absolute, files read, variables looked up.

    ``env``: NAME=VALUE, or NAME alone to remove the image's. ``volumes``: SOURCE:DESTINATION[:MODE], or
    DESTINATION alone for an anonymous one. ``mounts``: the engine's Mount objects. ``tmpfs``: path to
    options. ``publish``: (host address, host port, container port "80/tcp"). ``security_opt``: a seccomp
    profile is its JSON text, not a file's name. ``ulimit``: (name, soft, hard). ``shm_size``: bytes.
    ``gpus``: the engine's DeviceRequest objects. None is "not given".
    """

    env: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    mounts: tuple[Mapping[str, Any], ...] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    workdir: str | None = None
    entrypoint: str | None = None
    network: str | None = None
    add_host: tuple[str, ...] = ()
    publish: tuple[tuple[str, str, str], ...] = ()
    hostname: str | None = None
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    read_only: bool = False
    ulimit: tuple[tuple[str, int, int], ...] = ()
    shm_size: int | None = None
    init: bool = False
    gpus: tuple[Mapping[str, Any], ...] = ()
    platform: str | None = None
    interactive: bool = False
    tty: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, only of what was given."""
        raise NotImplementedError

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> RunOptions:
        """What ``to_json`` wrote. Raises TraceFileError for anything else."""
        raise NotImplementedError


def parse_options(
    *,
    env: Sequence[str] = (),
    env_file: Sequence[str] = (),
    volume: Sequence[str] = (),
    mount: Sequence[str] = (),
    tmpfs: Sequence[str] = (),
    user: str | None = None,
    workdir: str | None = None,
    entrypoint: str | None = None,
    network: str | None = None,
    add_host: Sequence[str] = (),
    publish: Sequence[str] = (),
    hostname: str | None = None,
    cap_add: Sequence[str] = (),
    cap_drop: Sequence[str] = (),
    security_opt: Sequence[str] = (),
    read_only: bool = False,
    ulimit: Sequence[str] = (),
    shm_size: str | None = None,
    init: bool = False,
    gpus: str | None = None,
    platform: str | None = None,
    interactive: bool = False,
    tty: bool = False,
    environ: Mapping[str, str],
) -> RunOptions:
    """The strings of ``docker run``'s flags, read as Docker's command line reads them.

    ``environ`` is where ``-e NAME`` looks. Files (``--env-file``, ``seccomp=FILE``) are read here, relative
    paths are made absolute. Raises UsageError in one sentence for a value that Docker would refuse.
    """
    raise NotImplementedError
