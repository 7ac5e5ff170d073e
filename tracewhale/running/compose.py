"""One service of a Compose file and the services beside it, and the options with which it runs. Pure.

The file is in the form of ``docker compose config``, in which variables, defaults and several files are
merged. A copy of the project is started with names of its own and without published ports, so the user's own
project and its volumes are not touched.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tracewhale.errors import UsageError
from tracewhale.running.options import RunOptions

EXTENSION = "x-tracewhale"
"""The key of a service under which a Compose file may list the steps that drive it."""

DROPPED = ("ports", "container_name", "build", "scale", "develop", "profiles")
"""Keys of services that the copy of a project does not have."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A service to trace, and the copy of its project without it.

    ``file`` is the copy, as Compose reads it. ``others`` are the services to start; ``conditions`` has the
    condition of each service for which the traced one waits (``service_started`` and so on, compose-spec,
    "depends_on"). ``networks`` are the service's: ``Name``, ``Aliases`` and ``IPAMConfig`` of each, in the
    engine's form. ``volumes`` are the names of the copy's own volumes. ``building`` are services whose images
    may have to be built first. ``driven`` is the value of ``x-tracewhale``.
    """

    service: str
    image: str
    project: str
    file: Mapping[str, Any]
    others: tuple[str, ...] = ()
    conditions: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[Mapping[str, Any], ...] = ()
    volumes: frozenset[str] = frozenset()
    building: tuple[str, ...] = ()
    driven: object = field(default_factory=dict)


def composition(
    resolved: Mapping[str, Any],
    service: str,
    *,
    own: str,
    project: str,
    separator: str = "-",
    labels: Mapping[str, str],
) -> Composition:
    """Take a service out of a resolved Compose file.

    ``own`` is the name of the user's project; images built for it have names that begin with it and
    ``separator``. ``project`` is the copy's name; ``labels`` are for all its objects. Raise UsageError.
    """
    services = resolved.get("services")
    if not isinstance(services, dict) or not all(isinstance(item, dict) for item in services.values()):
        raise UsageError("The Compose file has no services.", "Name another file with --compose.")
    if service not in services:
        near = difflib.get_close_matches(service, services, 1)
        raise UsageError(
            f"The Compose file has no service {service}.",
            f"Do you mean {near[0]}?" if near else f"Its services are {', '.join(sorted(services))}.",
        )
    mine = services[service]
    for key in ("network_mode", "pid", "ipc"):
        if str(mine.get(key) or "").startswith(("service:", "container:")):
            raise UsageError(
                f"The service {service} shares its {key} with another, and cannot be traced without it.",
                f"Give it a {key} of its own in another Compose file: --compose FILE --compose OVERRIDE.",
            )
    chosen = _beside(services, service)
    wanted = {service, *chosen}
    images = {name: item.get("image") or f"{own}{separator}{name}" for name, item in services.items()}
    copies = {name: _copied(services[name], images[name], labels) for name in sorted(wanted)}
    # It is created only to be looked at, and without the others: their state is awaited here.
    for key in ("depends_on", "links"):
        copies[service].pop(key, None)
    networks = _owned(resolved.get("networks"), project, labels)
    volumes = _owned(resolved.get("volumes"), project, labels)
    used = {name for item in copies.values() for name, _ in _networks(item)}
    networks |= _owned({name: None for name in used - {*networks} if name == "default"}, project, labels)
    file = {
        **{key: resolved[key] for key in ("version", "configs", "secrets") if key in resolved},
        "services": copies,
        "networks": networks,
        "volumes": volumes,
    }
    return Composition(
        service=service,
        image=images[service],
        project=project,
        file=file,
        others=tuple(sorted(chosen)),
        conditions={name: condition for name, condition in _depends(mine) if name in chosen},
        networks=tuple(_endpoint(service, networks[name], how) for name, how in _networks(copies[service])),
        volumes=frozenset(str(item["name"]) for item in volumes.values() if "external" not in item),
        building=tuple(sorted(name for name in wanted if services[name].get("build"))),
        driven=mine.get(EXTENSION) or {},
    )


def _beside(services: Mapping[str, Mapping[str, Any]], service: str) -> set[str]:
    """Return the services to start: its dependencies, and all others that do not depend on it.

    As with ``compose up``, one with a profile starts only if it is needed.
    """
    needs = {name: {other for other, _ in _depends(item)} for name, item in services.items()}

    def all_of(names: set[str]) -> set[str]:
        closure: set[str] = set()
        while more := names - closure:
            closure |= more
            names = {need for name in more for need in needs.get(name, ())}
        return closure

    needed = all_of(needs[service]) - {service}
    usual = {name for name, item in services.items() if not item.get("profiles")}
    free = {name for name in usual if service not in all_of({name})}
    return {name for name in all_of(needed | free) if name in services}


def _depends(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    depends = service.get("depends_on") or ()
    for name in depends:
        how = depends[name] if isinstance(depends, dict) else {}
        condition = how.get("condition") if isinstance(how, dict) else None
        yield str(name), str(condition or "service_started")


def _copied(service: Mapping[str, Any], image: str, labels: Mapping[str, str]) -> dict[str, Any]:
    kept = {key: value for key, value in service.items() if key not in DROPPED and not key.startswith("x-")}
    if isinstance(kept.get("deploy"), dict):
        kept["deploy"] = {key: value for key, value in kept["deploy"].items() if key != "replicas"}
    given = service.get("labels") or {}
    own = given if isinstance(given, dict) else dict(str(pair).partition("=")[::2] for pair in given)
    return {**kept, "image": image, "labels": {**own, **labels}}


def _owned(value: object, project: str, labels: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return networks or volumes with names of the copy's own; external ones keep theirs, because they are
    the user's."""
    objects: dict[str, dict[str, Any]] = {}
    for name, how in value.items() if isinstance(value, dict) else ():
        settings = dict(how or {})
        external = settings.get("external")
        if external:
            own_name = external.get("name") if isinstance(external, dict) else None
            objects[name] = {"name": settings.get("name") or own_name or name, "external": True}
            continue
        settings.pop("external", None)
        objects[name] = {**settings, "name": f"{project}_{name}", "labels": dict(labels)}
    return objects


def _networks(service: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    if service.get("network_mode"):
        return []
    networks = service.get("networks") or {"default": None}
    if not isinstance(networks, dict):
        networks = dict.fromkeys(networks)
    return [(str(name), how or {}) for name, how in networks.items()]


def _endpoint(service: str, network: Mapping[str, Any], how: Mapping[str, Any]) -> dict[str, Any]:
    addresses = {
        name: how[key]
        for key, name in (("ipv4_address", "IPv4Address"), ("ipv6_address", "IPv6Address"))
        if how.get(key)
    }
    endpoint: dict[str, Any] = {"Name": network["name"], "Aliases": [service, *(how.get("aliases") or ())]}
    return {**endpoint, "IPAMConfig": addresses} if addresses else endpoint


def project_name(resolved: Mapping[str, Any], file: str, environ: Mapping[str, str]) -> str:
    """Return the name of the user's project: Compose's, or that of its directory."""
    own_name = resolved.get("name") or environ.get("COMPOSE_PROJECT_NAME")
    directory = os.path.basename(os.path.dirname(os.path.abspath(file)))
    return str(own_name or re.sub(r"[^-_a-z0-9]", "", directory.lower()) or "default")


def as_options(
    created: Mapping[str, Any], image: Mapping[str, Any], volumes: frozenset[str]
) -> tuple[RunOptions, tuple[str, ...], dict[str, Any]]:
    """Return the run of a container that Compose has created: options, a command, and the settings that no
    option gives.

    ``created`` is its result of ``docker inspect``, ``image`` the configuration of its image, ``volumes`` the
    names of the copy's volumes. These are new for each run and need no copy, so they are not among the
    options.
    """
    config, host = created["Config"], created["HostConfig"]
    entrypoint, words = config.get("Entrypoint") or [], tuple(config.get("Cmd") or ())
    replaced = entrypoint != (image.get("Entrypoint") or [])
    if replaced:
        words = (*entrypoint[1:], *words)
    elif list(words) == (image.get("Cmd") or []):
        words = ()
    known = {*(image.get("Env") or ())}
    binds = [str(item) for item in host.get("Binds") or ()]
    mounts = list(host.get("Mounts") or ())
    options = RunOptions(
        env=tuple(item for item in config.get("Env") or () if item not in known),
        volumes=tuple(item for item in binds if item.partition(":")[0] not in volumes),
        mounts=tuple(item for item in mounts if item.get("Source") not in volumes),
        user=config.get("User") if config.get("User") != image.get("User") else None,
        workdir=config.get("WorkingDir") if config.get("WorkingDir") != image.get("WorkingDir") else None,
        entrypoint=(entrypoint[0] if entrypoint else "") if replaced else None,
        hostname=None if str(created["Id"]).startswith(config.get("Hostname") or "-") else config["Hostname"],
        stop_timeout=config.get("StopTimeout"),
        tty=bool(config.get("Tty")),
    )
    base = {
        **host,
        "Binds": [item for item in binds if item.partition(":")[0] in volumes],
        "Mounts": [item for item in mounts if item.get("Source") in volumes],
    }
    return options, words, {"HostConfig": base, "Healthcheck": config.get("Healthcheck") or {}}


def overlaid(options: RunOptions, own: RunOptions) -> RunOptions:
    """Return a service's options with the user's, which are appended or take their place."""
    changes: dict[str, Any] = {}
    for name in RunOptions.__dataclass_fields__:
        ours, theirs = getattr(options, name), getattr(own, name)
        if isinstance(theirs, tuple):
            changes[name] = (*ours, *theirs)
        elif isinstance(theirs, Mapping):
            changes[name] = {**ours, **theirs}
        else:
            changes[name] = theirs if theirs not in (None, False) else ours
    return replace(own, **changes)


def steps_of(composition: Composition) -> Sequence[Any]:
    """Return the steps under ``x-tracewhale``: a list such as [{ http: / }]. Raise UsageError."""
    driven = composition.driven if isinstance(composition.driven, dict) else {"": composition.driven}
    steps = driven.get("steps", [])
    if {*driven} <= {"steps"} and isinstance(steps, list):
        return [_unescaped(step) for step in steps]
    raise UsageError(
        f"{EXTENSION} of the service {composition.service} is not valid.",
        "It has steps and nothing else: a list such as [{ http: / }].",
    )


def _unescaped(step: object) -> object:
    """Return a step with each double dollar as one: ``compose config`` doubles them."""
    if not isinstance(step, dict):
        return step
    return {
        kind: value.replace("$$", "$") if isinstance(value, str) else value for kind, value in step.items()
    }
