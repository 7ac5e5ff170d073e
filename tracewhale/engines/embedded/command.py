"""The arguments of a run's sandbox, in which the command runs as in a Docker container."""

from __future__ import annotations

import os
import resource
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tracewhale.engines.embedded.layout import ContainerFiles, container
from tracewhale.engines.embedded.machine import Machine
from tracewhale.engines.embedded.sandbox import Sandbox
from tracewhale.errors import UsageError
from tracewhale.running.capabilities import effective, mask
from tracewhale.running.identity import Identity
from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run, environment_of
from tracewhale.running.service import ports_of

DENIED = frozenset({"SYS_ADMIN", "SYS_PTRACE"})
"""Capabilities without which calls are refused as Docker's seccomp profile refuses them."""

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Docker's PATH for an image that sets none."""

LIMITS = {
    **{
        name.removeprefix("RLIMIT_").lower(): getattr(resource, name)
        for name in dir(resource)
        if name.startswith("RLIMIT_")
    },
    "locks": 10,
}
"""Limits by the names that ``--ulimit`` takes (getrlimit(2))."""


@dataclass(frozen=True, slots=True)
class RunDirectories:
    """The directories of a run: the root, one for our own files, and one for the run's writes.

    ``upper`` is empty if writes go to memory or to the root itself.
    """

    root: tuple[str, ...]
    directory: str
    upper: str = ""

    @property
    def stage(self) -> str:
        """The directory on which the sandbox's root is mounted; nobody else may enter it."""
        return os.path.join(self.directory, "stage")


def sandbox_of(
    run: Run,
    machine: Machine,
    place: RunDirectories,
    identity: Identity,
    hostname: str,
    files: ContainerFiles,
    program: tuple[str, int],
) -> Sandbox:
    """Return all arguments of the sandbox; ``program`` is the probe's path and its descriptor."""
    options = run.options
    token = secrets.token_hex(8)
    words = ["--stage", place.stage, "--hostname", hostname]
    words += ["--upper", place.upper] if place.upper else []
    words += ["--user", str(identity.uid), "--group", str(identity.gid)] if machine.user else []
    words += ["--own-network"] if options.network == "none" else []
    words += ["--read-only"] if options.read_only else []
    ports = ports_of(run.config.get("ExposedPorts"))
    words += ["--ports", ",".join(str(port) for port in ports)] if ports else []
    common = ["--workdir", workdir_of(run)]
    common += ["--no-new-privileges"] if _no_new_privileges(options) else []
    for name, soft, hard in options.ulimit:
        common += ["--limit", f"{LIMITS[name]}:{soft % (1 << 64)}:{hard % (1 << 64)}"]
    environment = environment_of_process(run, identity, hostname)
    init = _init_words(options, identity, machine, token)

    def words_of_init(argv: Sequence[str], joining: int) -> list[str]:
        join = ["--enter", str(joining), "--workdir", workdir_of(run)] if joining else []
        return [*init, *join, "--", *argv]

    return Sandbox(
        program=program[0],
        descriptor=program[1],
        options=tuple(words),
        common=tuple(common),
        mounts=(*place.root, *container(options, files)),
        token=token,
        init=words_of_init,
        environment=environment,
    )


def _init_words(options: RunOptions, identity: Identity, machine: Machine, token: str) -> list[str]:
    """Return the arguments of ``probe init`` for a process with the identity that it has in a Docker
    container."""
    capabilities = effective(options.cap_add, options.cap_drop)
    words = ["--agent", token, "--uid", str(identity.uid), "--gid", str(identity.gid)]
    # A user name space of one user has one group, and no others can be had.
    words += [] if machine.user else ["--groups", ",".join(str(group) for group in identity.groups)]
    words += ["--bounding", f"{mask(capabilities):x}", "--inheritable", "0", "--ambient", "0"]
    if identity.uid == 0:
        words += ["--permitted", f"{mask(capabilities):x}", "--effective", f"{mask(capabilities):x}"]
    if "seccomp=unconfined" not in options.security_opt:
        words += ["--deny-added", f"{mask(DENIED - capabilities):x}"]
    return words


def workdir_of(run: Run) -> str:
    """Return the directory in which the command starts."""
    return str(run.options.workdir or run.config.get("WorkingDir") or "/")


def environment_of_process(run: Run, identity: Identity, hostname: str) -> dict[str, str]:
    """Return all variables of the command's environment, as Docker and runc set them."""
    environment = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname}
    if run.options.tty:
        environment["TERM"] = "xterm"
    environment |= environment_of(run)
    return {**environment, "HOME": environment.get("HOME") or identity.home}


def hostname_of(options: RunOptions, machine: Machine) -> str:
    """Return a host name as Docker sets it: a random one, or this machine's with this machine's network."""
    own = secrets.token_hex(6) if options.network == "none" else machine.hostname
    return options.hostname or own


def _no_new_privileges(options: RunOptions) -> bool:
    words = {"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}
    return bool(words & set(options.security_opt))


def check(options: RunOptions) -> None:
    """Raise UsageError for an option that needs a container engine."""
    given = {
        "-p": bool(options.publish),
        "--gpus": bool(options.gpus),
        "--init": options.init,
        f"--network {options.network}": options.network not in (None, "host", "none"),
    }
    for name in (name for name, present in given.items() if present):
        raise UsageError(
            f"{name} needs a container engine, which does not run this target.",
            "A server is reached on its own port; --network host (the default) and none are possible.",
        )
    for option in options.security_opt:
        name, _, value = option.replace(":", "=", 1).partition("=")
        harmless = value in ("unconfined", "disable") and name in (
            "seccomp",
            "apparmor",
            "label",
            "systempaths",
        )
        if name != "no-new-privileges" and not harmless:
            raise UsageError(f"--security-opt {name} needs a container engine.", "Leave it out.")
    for name, _, hard in options.ulimit:
        allowed = resource.getrlimit(LIMITS[name])[1] if name in LIMITS else 0
        if name not in LIMITS or (os.geteuid() and allowed >= 0 and not 0 <= hard <= allowed):
            raise UsageError(
                f"--ulimit {name}={hard}: this user may have {allowed} at most.", "Request less."
            )
