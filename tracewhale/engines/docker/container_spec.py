"""The requests to the engine: the container as ``docker run`` would create it, and the traced one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracewhale.running.capabilities import ALL, effective, mask, resolved_profile, widen
from tracewhale.running.capabilities import PROBE as PROBE_CAPABILITIES
from tracewhale.running.identity import Identity
from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run, argv_of, command_words, environment_of

PROBE_DIRECTORY = "/.tracewhale"
PROBE = f"{PROBE_DIRECTORY}/probe"
DOCKER_INIT = "/sbin/docker-init"
"""The path at which the engine mounts its init for ``--init``."""

# Settings of a target container that a program can see; ports, restarts and logs it cannot.
KEPT_OF_HOST_CONFIG = (
    "BlkioWeight CapAdd CapDrop CgroupnsMode CpuCount CpuPercent CpuPeriod CpuQuota CpuShares CpusetCpus "
    "CpusetMems DeviceCgroupRules DeviceRequests Devices Dns DnsOptions DnsSearch ExtraHosts GroupAdd Init "
    "IpcMode MaskedPaths Memory MemoryReservation MemorySwap MemorySwappiness NanoCpus NetworkMode "
    "OomKillDisable OomScoreAdj PidMode PidsLimit Privileged ReadonlyPaths ReadonlyRootfs Runtime "
    "SecurityOpt ShmSize Sysctls Tmpfs UTSMode Ulimits UsernsMode"
).split()


@dataclass(frozen=True, slots=True)
class CreatePayload:
    """The body of POST /containers/create, and values derived from it.

    ``config`` is the body without ``host`` (its HostConfig). ``argv`` are the words that are executed,
    ``copied`` the destinations of volumes to fill from a container that is the target, ``init`` whether the
    engine's init is PID 1.
    """

    config: Mapping[str, Any]
    host: Mapping[str, Any]
    argv: tuple[str, ...]
    copied: tuple[str, ...] = ()
    platform: str = ""
    init: bool = False

    def body(self) -> dict[str, Any]:
        """Return the payload in the engine's form."""
        return {**self.config, "HostConfig": dict(self.host)}


@dataclass(frozen=True, slots=True)
class EntrySpec:
    """The identity that a process in a traced container takes on: the same for the command and for an exec.

    ``capabilities`` is the mask of the untraced container, ``added`` the mask of those that only the traced
    one has and whose calls the probe must refuse, although the engine's seccomp profile allows them. ``home``
    is the value of HOME, empty to leave it. ``door`` is the option before the token by which the tracer knows
    the process.
    """

    identity: Identity
    capabilities: int
    added: int = 0
    home: str = ""
    door: str = "--agent"

    def arguments(
        self, token: str, argv: Sequence[str], *, program: str = PROBE, options: Sequence[str] = ()
    ) -> list[str]:
        """Return the words that start the probe, which executes ``argv``.

        ``options`` are more options of ``probe init``; ``program`` is the path of the probe.
        """
        who = self.identity
        words = [program, "init", self.door, token, *options, "--uid", str(who.uid), "--gid", str(who.gid)]
        words += ["--groups", ",".join(str(group) for group in who.groups)]
        words += ["--bounding", f"{self.capabilities:x}", "--inheritable", "0", "--ambient", "0"]
        if who.uid == 0:
            words += ["--permitted", f"{self.capabilities:x}", "--effective", f"{self.capabilities:x}"]
        words += ["--home", self.home] if self.home else []
        words += ["--deny-added", f"{self.added:x}"] if self.added else []
        return [*words, "--", *argv]


def untraced_spec(run: Run) -> CreatePayload:
    """Return the container exactly as ``docker run`` with these options would create it. Raise EmptyImage."""
    options = run.options
    argv = argv_of(run)
    entrypoint, command = command_words(run)
    host, volumes, copied = _mounts(run)
    base = run.base.get("Config") or {}
    config: dict[str, Any] = {
        "Image": run.image,
        "Hostname": options.hostname or (base.get("Hostname") if _own_hostname(run) else None),
        "Domainname": base.get("Domainname"),
        "User": options.user,
        "WorkingDir": options.workdir,
        "Env": list(options.env) or None,
        "Entrypoint": entrypoint,
        "Cmd": command,
        "Tty": options.tty,
        "AttachStdout": True,
        "AttachStderr": True,
        "AttachStdin": options.interactive,
        "OpenStdin": options.interactive,
        "StdinOnce": options.interactive,
        "Volumes": volumes or None,
        "ExposedPorts": {port: {} for _, _, port in options.publish} or None,
        "StopTimeout": base.get("StopTimeout") if options.stop_timeout is None else options.stop_timeout,
    }
    if networks := run.base.get("Networks"):
        # One alone can be given to an engine before API 1.44; the others are connected before the start.
        config["NetworkingConfig"] = {"EndpointsConfig": {networks[0]["Name"]: endpoint(networks[0])}}
    return CreatePayload(
        config={key: value for key, value in config.items() if value is not None},
        host={**_host(run), **host},
        argv=argv,
        copied=copied,
        platform=options.platform or "",
        init=options.init or bool((run.base.get("HostConfig") or {}).get("Init")),
    )


def endpoint(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the engine's EndpointSettings for a network of ``Run.base``."""
    return {name: network[name] for name in ("Aliases", "IPAMConfig") if network.get(name)}


def _own_hostname(run: Run) -> bool:
    """Return whether the target is a container with a host name of the user's, and not the beginning of its
    id.

    With the network of another container or of the host, the name is theirs, and the engine refuses it as an
    option.
    """
    hostname = (run.base.get("Config") or {}).get("Hostname") or ""
    host = run.base.get("HostConfig") or {}
    network = run.options.network or host.get("NetworkMode") or ""
    shared = network.startswith("container:") or host.get("UTSMode") == "host"
    return bool(hostname) and not shared and not run.container.startswith(hostname)


def _host(run: Run) -> dict[str, Any]:
    """Return HostConfig without mounts."""
    options = run.options
    base = {
        key: value
        for key, value in (run.base.get("HostConfig") or {}).items()
        if key in KEPT_OF_HOST_CONFIG and value not in (None, [], {}, "")
    }
    security = [option for option in options.security_opt if not option.startswith("systempaths=")]
    given: dict[str, Any] = {
        "NetworkMode": options.network,
        "ExtraHosts": [*base.get("ExtraHosts", ()), *options.add_host],
        "CapAdd": [*base.get("CapAdd", ()), *options.cap_add],
        "CapDrop": [*base.get("CapDrop", ()), *options.cap_drop],
        "SecurityOpt": _security(base.get("SecurityOpt", ()), security),
        "ReadonlyRootfs": options.read_only or None,
        "Ulimits": _ulimits(base.get("Ulimits", ()), options),
        "ShmSize": options.shm_size,
        "Init": options.init or None,
        "DeviceRequests": [*base.get("DeviceRequests", ()), *options.gpus],
        "PortBindings": _ports(options),
    }
    merged = {**base, **{key: value for key, value in given.items() if value not in (None, [], {})}}
    if len(security) != len(options.security_opt):
        merged |= {"MaskedPaths": [], "ReadonlyPaths": []}
    return {"NetworkMode": "default", **merged, "LogConfig": {"Type": "none"}}


def _security(base: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return security options; the user's replace the container's of the same kind."""
    kinds = {option.partition("=")[0] for option in options}
    return [option for option in base if option.partition("=")[0] not in kinds] + list(options)


def _ulimits(base: Sequence[Mapping[str, Any]], options: RunOptions) -> list[Mapping[str, Any]]:
    given = {name: {"Name": name, "Soft": soft, "Hard": hard} for name, soft, hard in options.ulimit}
    return [limit for limit in base if limit["Name"] not in given] + list(given.values())


def _ports(options: RunOptions) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for address, host, port in options.publish:
        bindings.setdefault(port, []).append({"HostIp": address, "HostPort": host})
    return bindings


def _mounts(run: Run) -> tuple[dict[str, Any], dict[str, Any], tuple[str, ...]]:
    """Return the mounts' part of HostConfig, ``Volumes``, and the destinations of volumes to fill.

    A container's own bind mounts are read-only, its volumes become anonymous ones with a copy; the user's
    mount at the same place replaces them.
    """
    options = run.options
    taken = {destination_of(mount) for mount in options.volumes} | {
        str(mount["Target"]) for mount in options.mounts
    }
    taken |= set(options.tmpfs)
    project = {} if run.container else run.base.get("HostConfig") or {}
    mounts = [
        *(mount for mount in project.get("Mounts") or () if mount["Target"] not in taken),
        *options.mounts,
    ]
    binds = [mount for mount in project.get("Binds") or () if destination_of(mount) not in taken]
    copied = []
    for mount in run.base.get("Mounts") or ():
        destination = mount["Destination"]
        if destination in taken:
            continue
        if mount["Type"] == "bind":
            mounts.append(
                {"Type": "bind", "Source": mount["Source"], "Target": destination, "ReadOnly": True}
            )
        elif mount["Type"] == "volume":
            mounts.append(
                {
                    "Type": "volume",
                    "Target": destination,
                    "ReadOnly": not mount["RW"],
                    "VolumeOptions": {"NoCopy": True},
                }
            )
            copied.append(destination)
        elif mount["Type"] == "tmpfs" and destination not in _base_tmpfs(run):
            mounts.append({"Type": "tmpfs", "Target": destination})
    tmpfs = {**{k: v for k, v in _base_tmpfs(run).items() if k not in taken}, **options.tmpfs}
    host: dict[str, Any] = {
        "Binds": [*binds, *(mount for mount in options.volumes if ":" in mount)],
        "Mounts": mounts,
        "Tmpfs": tmpfs,
    }
    anonymous: dict[str, Any] = {mount: {} for mount in options.volumes if ":" not in mount}
    return {key: value for key, value in host.items() if value}, anonymous, tuple(copied)


def fill_volumes(payload: CreatePayload, volumes: Mapping[str, str]) -> CreatePayload:
    """Return the payload with these volumes (names by destination) at the destinations to fill."""
    mounts = [
        {**mount, "Source": volumes[mount["Target"]]} if mount["Target"] in volumes else mount
        for mount in payload.host.get("Mounts") or ()
    ]
    return replace(payload, host={**payload.host, "Mounts": mounts} if mounts else payload.host)


def _base_tmpfs(run: Run) -> Mapping[str, str]:
    return (run.base.get("HostConfig") or {}).get("Tmpfs") or {}


def destination_of(volume: str) -> str:
    """Return the path in the container of a ``volumes`` item of RunOptions."""
    parts = volume.split(":")
    return parts[0] if len(parts) == 1 else parts[1]


def traced_spec(
    payload: CreatePayload,
    identity: Identity,
    token: str,
    run: Run,
    door: str = "--agent",
    impossible: frozenset[str] = frozenset(),
) -> tuple[CreatePayload, EntrySpec]:
    """Return the traced container, and the identity that its processes must take on to equal the untraced
    one's.

    ``impossible`` are capabilities that the engine itself lacks. With ALL, the engine omits them for a user
    who gets no capability anyway; but the traced container starts as root, which would get them.
    """
    host = dict(payload.host)
    add, drop = host.get("CapAdd") or (), host.get("CapDrop") or ()
    privileged = bool(host.get("Privileged"))
    capabilities = effective(add, drop, privileged=privileged)
    host["CapAdd"], host["CapDrop"] = widen(add, drop)
    if identity.uid and host["CapAdd"] == [ALL]:
        host["CapDrop"] = sorted({*host["CapDrop"], *impossible})
    host["SecurityOpt"], deny_added = _widened_security(host.get("SecurityOpt") or (), capabilities)
    host.pop("Init", None)
    entry = EntrySpec(
        identity=identity,
        capabilities=mask(capabilities),
        home="" if environment_of(run).get("HOME") else identity.home,
        added=mask(PROBE_CAPABILITIES - capabilities) if deny_added and not privileged else 0,
        door=door,
    )
    argv = (init_path(payload), "--", *payload.argv) if payload.init else payload.argv
    config = {
        **payload.config,
        "User": "0",
        "Entrypoint": entry.arguments(token, argv),
        "Cmd": [],
        "Healthcheck": {"Test": ["NONE"]},
    }
    if host.get("ReadonlyRootfs"):
        config["Volumes"] = {**(config.get("Volumes") or {}), PROBE_DIRECTORY: {}}
    return replace(payload, config=config, host=host), entry


def init_path(payload: CreatePayload) -> str:
    """Return the path of the engine's init in a traced container. As process 1 it must be under the filter,
    too, with the user and capabilities of the untraced one, which the engine would not give it."""
    return f"{PROBE_DIRECTORY}/docker-init" if payload.host.get("ReadonlyRootfs") else DOCKER_INIT


def _widened_security(options: Sequence[str], capabilities: frozenset[str]) -> tuple[list[str], bool]:
    """Return the security options of the traced container, and whether the probe must refuse the calls that
    its added capabilities allow."""
    widened_options, deny_added = [], True
    for option in options:
        name, _, value = option.partition("=")
        if name == "seccomp" and value == "unconfined":
            deny_added = False
        elif name == "seccomp" and value.lstrip().startswith("{"):
            deny_added = False
            option = f"seccomp={resolved_profile(value, capabilities)}"
        widened_options.append(option)
    return widened_options, deny_added
