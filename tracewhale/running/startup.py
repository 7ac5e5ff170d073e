"""The start of the new image: its configuration, and the ``docker run`` line for the traced run. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from tracewhale.errors import EmptyImage
from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run, argv_of, command_words, environment_of, user_of

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""The engine's PATH for an image that sets none (moby, system.DefaultPathEnv)."""

Works = Callable[[str, str, tuple[str, ...]], bool]
"""Returns whether a command would find its program and its files: by working directory, PATH and words."""


def startup(run: Run, works: Works) -> tuple[dict[str, Any], str]:
    """Return the differences of the new image's ``config`` object from the original's, and a note on them.

    For a container, the new image starts the command as it was traced. For an image, it keeps the original's
    command, unless files of that command are missing in it.
    """
    traced = traced_startup(run)
    if run.container:
        return ({}, "") if not run.command else (traced, "")
    own = replace(run, command=(), options=replace(run.options, entrypoint=None))
    words = own_words(own)
    if words == argv_of(run) or works(
        str(run.config.get("WorkingDir") or "/"), environment_of(own).get("PATH") or PATH, words
    ):
        return {}, ""
    changed = {name: traced[name] for name in ("Entrypoint", "Cmd")}
    if not words:
        return changed, "The image has no command of its own: the new one starts what was traced."
    return changed, f"The image's own command, {words[0]}, is not kept: the new one starts what was traced."


def own_words(run: Run) -> tuple[str, ...]:
    """Return the words that a run executes, or none if there are none."""
    try:
        return argv_of(run)
    except EmptyImage:
        return ()


def traced_startup(run: Run) -> dict[str, Any]:
    """Return the members of a configuration that start a run in the traced way."""
    entrypoint, command = command_words(run)
    if entrypoint is None:
        entrypoint = list(run.config.get("Entrypoint") or ())
        command = command if command is not None else list(run.config.get("Cmd") or ())
    return {
        "Entrypoint": None if entrypoint in ([], [""]) else entrypoint,
        "Cmd": command or None,
        "Env": [f"{name}={value}" for name, value in environment_of(run).items()] or None,
        "WorkingDir": run.options.workdir or run.config.get("WorkingDir") or "",
        "User": user_of(run),
    }


SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|COOKIE|_PW|PWD", re.IGNORECASE)
"""Names of variables whose values are not shown, because they end up in logs of builds."""


def run_line(
    run: Run, config: Mapping[str, Any], name: str, environ: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """Return the ``docker run`` command that runs an image of this configuration as it was traced.

    A variable that is also in ``environ``, or has the name of a secret, is named without its value. The word
    FILE stands for the file of a seccomp profile, which is unknown.
    """
    new = replace(run, config=config, container="", command=(), options=RunOptions())
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    if own_words(new) != argv_of(run):
        entry_words, given = command_words(run)
        command = tuple(given or ())
        if entry_words is not None and (entry_words != [""] or config.get("Entrypoint")):
            entrypoint = ("--entrypoint", *entry_words)
    return ("docker", "run", "--rm", *_options(run, new, environ), *entrypoint, name, *command)


def _options(run: Run, new: Run, environ: Mapping[str, str]) -> Iterator[str]:
    options = run.options
    known = environment_of(new)
    for pair in options.env:
        variable, _, value = pair.partition("=")
        if known.get(variable) != value:
            hidden = environ.get(variable) == value or SECRET.search(variable)
            yield from ("-e", variable if hidden else pair)
    settings: tuple[tuple[str, object], ...] = (
        ("-u", options.user if options.user != user_of(new) else None),
        ("-w", options.workdir if options.workdir != (new.config.get("WorkingDir") or "") else None),
        ("--network", options.network),
        ("--hostname", options.hostname),
        ("--shm-size", options.shm_size),
        ("--stop-timeout", options.stop_timeout),
        ("--platform", options.platform),
    )
    for flag, setting in settings:
        if setting is not None:
            yield from (flag, str(setting))
    yield from (
        f"{flag}"
        for flag, given in (
            ("--read-only", options.read_only),
            ("--init", options.init),
            ("-i", options.interactive),
            ("-t", options.tty),
        )
        if given
    )
    repeated: tuple[tuple[str, Iterable[str]], ...] = (
        ("-v", (*options.volumes, *_binds(run))),
        ("--mount", map(_mount, options.mounts)),
        ("--tmpfs", (f"{path}:{text}" if text else path for path, text in options.tmpfs.items())),
        ("-p", map(_port, options.publish)),
        ("--add-host", options.add_host),
        ("--cap-add", options.cap_add),
        ("--cap-drop", options.cap_drop),
        ("--security-opt", map(_security, options.security_opt)),
        ("--ulimit", (f"{name}={soft}:{hard}" for name, soft, hard in options.ulimit)),
        ("--gpus", map(_gpus, options.gpus)),
    )
    for flag, values in repeated:
        for text in values:
            yield from (flag, text)


def _binds(run: Run) -> Iterator[str]:
    """Return the bind mounts of a container that was the target: read-only, as in the test."""
    taken = {volume.split(":")[1] for volume in run.options.volumes if ":" in volume}
    for mount in run.base.get("Mounts") or ():
        if mount["Type"] == "bind" and mount["Destination"] not in taken:
            yield f"{mount['Source']}:{mount['Destination']}:ro"


def _mount(mount: Mapping[str, Any]) -> str:
    words = [f"type={mount['Type']}"]
    words += [f"source={mount['Source']}"] if mount.get("Source") else []
    words += [f"target={mount['Target']}"]
    return ",".join([*words, "readonly"] if mount.get("ReadOnly") else words)


def _port(port: tuple[str, str, str]) -> str:
    address, host, inside = port
    number = inside.removesuffix("/tcp")
    return ":".join([*([address] if address else []), *([host] if host or address else []), number])


def _security(option: str) -> str:
    name, _, value = option.partition("=")
    return "seccomp=FILE" if name == "seccomp" and value.lstrip().startswith("{") else option


def _gpus(request: Mapping[str, Any]) -> str:
    if request.get("DeviceIDs"):
        return f'"device={",".join(request["DeviceIDs"])}"'
    return "all" if request.get("Count") == -1 else str(request.get("Count", "all"))
