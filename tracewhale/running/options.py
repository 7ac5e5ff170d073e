"""The options of ``docker run`` that change what a program sees, with the same names and meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from tracewhale.errors import TraceFileError, UsageError
from tracewhale.running import capabilities, flags, mounts


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options in the engine's form: paths are absolute, files read, variables looked up.

    ``env``: NAME=VALUE, or NAME alone to remove the image's. ``volumes``: SOURCE:DESTINATION[:MODE], or
    DESTINATION alone for an anonymous one. ``mounts``: the engine's Mount objects. ``tmpfs``: path to
    options. ``publish``: (host address, host port, container port "80/tcp"). ``security_opt``: a seccomp
    profile as its JSON text, not as a file's name. ``ulimit``: (name, soft, hard). ``shm_size``: bytes.
    ``gpus``: the engine's DeviceRequest objects. None means "not given".
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
    stop_timeout: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the given options as plain JSON values."""
        given = {field_.name: getattr(self, field_.name) for field_ in fields(self)}
        return {name: _plain(value) for name, value in given.items() if _is_given(value)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> RunOptions:
        """Return the options that ``to_json`` wrote; unknown names are ignored. Raise TraceFileError."""
        default = RunOptions()
        given: dict[str, Any] = {}
        for member in fields(RunOptions):
            if member.name in value:
                given[member.name] = _restore(member.name, value[member.name], getattr(default, member.name))
        return RunOptions(**given)


def _is_given(value: Any) -> bool:
    return value is not None and value is not False and value not in ((), {})


def _plain(value: Any) -> Any:
    """Return tuples as lists and mappings as dicts, at every depth."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _is_mount(value: Mapping[str, Any]) -> bool:
    """Return whether a JSON object has the members of the engine's Mount objects that are used here, with the
    right types."""
    texts = ("Type", "Target", *(["Source"] if value.get("Type") == "bind" or "Source" in value else []))
    nested = [value[name] for name in value if name.endswith("Options")]
    return all(isinstance(value.get(name), str) for name in texts) and all(
        isinstance(item, dict) for item in nested
    )


_ITEMS: dict[str, Callable[[Any], bool]] = {
    "mounts": lambda item: isinstance(item, dict) and _is_mount(item),
    "gpus": lambda item: isinstance(item, dict),
    "publish": lambda item: isinstance(item, list) and [type(part) for part in item] == [str, str, str],
    "ulimit": lambda item: isinstance(item, list) and [type(part) for part in item] == [str, int, int],
}


def _restore(name: str, value: Any, default: Any) -> Any:
    """Return one option's value in this program's form. Raise TraceFileError if it has another type."""
    if isinstance(default, tuple):
        fits = _ITEMS.get(name, lambda item: isinstance(item, str))
        if isinstance(value, list) and all(fits(item) for item in value):
            return tuple(tuple(item) if isinstance(item, list) else item for item in value)
    elif isinstance(default, Mapping):
        if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
            return dict(value)
    elif type(value) is (bool if default is False else int if name in ("shm_size", "stop_timeout") else str):
        return value
    raise TraceFileError(f"The trace's request has a {name!r} of the wrong type.")


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
    stop_timeout: int | None = None,
    environ: Mapping[str, str],
) -> RunOptions:
    """Parse the strings of ``docker run``'s flags as Docker's command line does.

    ``environ`` provides the value of ``-e NAME``. Files (``--env-file``, ``seccomp=FILE``) are read here, and
    relative paths are made absolute. Raise UsageError for a value that Docker would refuse.
    """
    if workdir is not None and not workdir.startswith("/"):
        raise UsageError(f"-w {workdir!r}: the working directory must be an absolute path.")
    variables = [line for name in env_file for line in flags.env_file(name, _read_env_file(name), environ)]
    variables += [flags.assignment("-e", text, environ) for text in env]
    for name in (*cap_add, *cap_drop):
        capabilities.bare(name)
    return RunOptions(
        env=tuple(variables),
        volumes=tuple(mounts.volume(text) for text in volume),
        mounts=tuple(mounts.mount(text) for text in mount),
        tmpfs=dict(mounts.tmpfs(text) for text in tmpfs),
        user=user,
        workdir=workdir,
        entrypoint=entrypoint,
        network=None if network is None else flags.network(network),
        add_host=tuple(flags.extra_host(text) for text in add_host),
        publish=tuple(port for text in publish for port in flags.publish(text)),
        hostname=hostname,
        cap_add=tuple(cap_add),
        cap_drop=tuple(cap_drop),
        security_opt=tuple(flags.security(text, _read) for text in security_opt),
        read_only=read_only,
        ulimit=tuple(flags.ulimit(text) for text in ulimit),
        shm_size=None if shm_size is None else flags.size("--shm-size", shm_size),
        init=init,
        gpus=() if gpus is None else (flags.gpus(gpus),),
        platform=None if platform is None else flags.platform(platform),
        interactive=interactive,
        tty=tty,
        stop_timeout=stop_timeout,
    )


def _read(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


def _read_env_file(name: str) -> bytes:
    try:
        return _read(name)
    except OSError as error:
        raise UsageError(f"The file {name!r} of --env-file cannot be read: {error.strerror}.") from error
