"""Parse values of ``docker run``'s flags as Docker's command line does (docker/cli, opts/). No effects.

Each function takes one string as typed and returns the engine's form, or raises UsageError with Docker's
reason to refuse it.
"""

from __future__ import annotations

import csv
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tracewhale.errors import UsageError

ULIMITS = frozenset(
    "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()
)
_UNITS = {unit: 1 << (10 * power) for power, unit in enumerate(["", "k", "m", "g", "t", "p"])}


def size(flag: str, value: str) -> int:
    """Return the bytes of ``64m``, ``1.5GiB``, ``1024`` (units are powers of 1024; go-units, RAMInBytes)."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+) ?([kmgtp]?)i?b?", value.lower(), re.ASCII)
    if match is None:
        raise UsageError(f"{flag} needs a size such as 64m, not {value!r}.")
    return int(float(match[1]) * _UNITS[match[2]])


def fields(flag: str, value: str) -> list[tuple[str, str | None]]:
    """Return the fields of a CSV value as (key, value), with None as the value of a field without ``=``."""
    try:
        row = next(csv.reader([value], strict=True), [])
    except csv.Error as error:
        raise UsageError(f"{flag} {value!r} is not a list of fields: {error}.") from error
    return [(key, rest if mark else None) for key, mark, rest in (field.partition("=") for field in row)]


def assignment(flag: str, value: str, environ: Mapping[str, str]) -> str:
    """Parse ``-e``: NAME=VALUE, or NAME with its value from the environment; NAME alone if that has none."""
    name, mark, _ = value.partition("=")
    if not name:
        raise UsageError(f"{flag} {value!r} has no variable name.")
    return value if mark or name not in environ else f"{name}={environ[name]}"


def env_file(name: str, content: bytes, environ: Mapping[str, str]) -> list[str]:
    """Return the variables of an ``--env-file``; a name alone gets the environment's value, or is left
    out."""
    result = []
    try:
        lines = content.removeprefix(b"\xef\xbb\xbf").decode().split("\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"The file {name!r} of --env-file is not UTF-8.") from error
    for number, line in enumerate(lines, 1):
        text = line.removesuffix("\r").lstrip(" \t")
        if not text or text.startswith("#"):
            continue
        variable, mark, _ = text.partition("=")
        if not variable:
            raise UsageError(f"Line {number} of the file {name!r} of --env-file has no variable name.")
        if re.search(r"[ \t]", variable):
            raise UsageError(f"Line {number} of the file {name!r} of --env-file has white space in its name.")
        if mark:
            result.append(text)
        elif variable in environ:
            result.append(f"{variable}={environ[variable]}")
    return result


def publish(value: str) -> list[tuple[str, str, str]]:
    """Parse ``-p`` to (host address, host port, container port "80/tcp") for each port of the range.

    The value is ``[ADDRESS:][HOST]:CONTAINER[/PROTOCOL]`` or ``CONTAINER``, where both sides may be ranges,
    or the long form ``target=80,published=8080,protocol=tcp``. The engine chooses from a range of host ports
    for one port in the container.
    """
    if "=" in value:
        value = _long_port(value)
    rest, slash, protocol = value.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in ("tcp", "udp", "sctp"):
        raise UsageError(f"-p {value!r}: there is no protocol {protocol!r}.")
    ahead, _, inside = rest.rpartition(":")
    address, _, outside = ahead.rpartition(":")
    address = address.removeprefix("[").removesuffix("]") if address.startswith("[") else address
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError as error:
            raise UsageError(f"-p {value!r}: {address!r} is not an IP address.") from error
    ports = _range(value, inside)
    hosts = _range(value, outside) if outside else []
    if hosts and len(hosts) != len(ports):
        if len(ports) != 1:
            raise UsageError(f"-p {value!r}: the two ranges do not have the same length.")
        return [(address, outside, f"{ports[0]}/{protocol}")]
    return [
        (address, str(hosts[index]) if hosts else "", f"{port}/{protocol}")
        for index, port in enumerate(ports)
    ]


def _range(value: str, text: str) -> list[int]:
    match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text, re.ASCII)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if match is None or not 0 < first <= last < 65536:
        raise UsageError(f"-p {value!r}: {text!r} is not a port or a range of ports.")
    return list(range(first, last + 1))


def _long_port(value: str) -> str:
    given = dict(fields("-p", value))
    unknown = set(given) - {"target", "published", "protocol", "mode"}
    if unknown or None in given.values():
        raise UsageError(f"-p {value!r}: the keys are target, published and protocol.")
    return f"{given.get('published') or ''}:{given.get('target') or ''}/{given.get('protocol') or 'tcp'}"


def ulimit(value: str) -> tuple[str, int, int]:
    """Parse ``--ulimit NAME=SOFT[:HARD]``; -1 means no limit."""
    match = re.fullmatch(r"([a-z]+)=(-?\d+)(?::(-?\d+))?", value, re.ASCII)
    if match is None:
        raise UsageError(f"--ulimit {value!r} is not NAME=SOFT[:HARD].")
    name, soft = match[1], int(match[2])
    hard = int(match[3]) if match[3] is not None else soft
    if name not in ULIMITS:
        raise UsageError(f"--ulimit {value!r}: there is no limit {name!r}.")
    if hard != -1 and (soft == -1 or soft > hard):
        raise UsageError(f"--ulimit {value!r}: the soft limit is greater than the hard one.")
    return name, soft, hard


def extra_host(value: str) -> str:
    """Parse ``--add-host NAME:ADDRESS`` (or NAME=ADDRESS) to NAME:ADDRESS."""
    name, mark, address = value.partition("=")
    if not mark:
        name, mark, address = value.partition(":")
    address = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    try:
        if address != "host-gateway":
            ipaddress.ip_address(address)
    except ValueError as error:
        raise UsageError(f"--add-host {value!r} is not NAME:ADDRESS.") from error
    if not name:
        raise UsageError(f"--add-host {value!r} has no name.")
    return f"{name}:{address}"


def security(value: str, read: Callable[[str], bytes]) -> str:
    """Parse ``--security-opt``. A seccomp profile is read with ``read`` and becomes its JSON text."""
    name, mark, content = value.partition("=")
    if not mark and value != "no-new-privileges":
        name, mark, content = value.partition(":")
        if not mark:
            raise UsageError(f"--security-opt {value!r} is not NAME=VALUE.")
    if name == "systempaths" and content != "unconfined":
        raise UsageError(f"--security-opt {value!r}: systempaths can only be unconfined.")
    if name == "seccomp" and content not in ("unconfined", "builtin"):
        try:
            return "seccomp=" + json.dumps(json.loads(read(content)), separators=(",", ":"))
        except OSError as error:
            raise UsageError(
                f"The seccomp profile {content!r} cannot be read: {error.strerror or error}."
            ) from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"The seccomp profile {content!r} is not JSON: {error}.") from error
    return f"{name}={content}" if mark else value


def gpus(value: str) -> dict[str, Any]:
    """Parse ``--gpus all|NUMBER|KEY=VALUE,...`` to the engine's DeviceRequest object."""
    request: dict[str, Any] = {"Capabilities": [["gpu"]], "Options": {}}
    seen: set[str] = set()
    for key, text in fields("--gpus", value):
        name = "count" if text is None else key
        if name in seen:
            raise UsageError(f"--gpus {value!r}: {name} can be given only once.")
        seen.add(name)
        word = key if text is None else text
        if name == "count":
            if word != "all" and not re.fullmatch(r"-?\d{1,9}", word, re.ASCII):
                raise UsageError(f"--gpus {value!r}: {word!r} is neither all nor a number.")
            request["Count"] = -1 if word == "all" else int(word)
        elif name == "driver":
            request["Driver"] = word
        elif name == "device":
            request["DeviceIDs"] = word.split(",")
        elif name == "capabilities":
            request["Capabilities"] = [[*word.split(","), "gpu"]]
        elif name == "options":
            request["Options"] = {key: text or "" for key, text in fields("--gpus", word)}
        else:
            raise UsageError(f"--gpus {value!r}: there is no key {name!r}.")
    if "count" not in seen and "device" not in seen:
        request["Count"] = 1
    return request


def platform(value: str) -> str:
    """Parse ``--platform OS[/ARCH[/VARIANT]]`` or ARCH."""
    if not re.fullmatch(r"[a-z0-9_]+(/[a-z0-9_]+){0,2}", value.lower(), re.ASCII):
        raise UsageError(f"--platform {value!r} is not OS/ARCHITECTURE.")
    return value


def network(value: str) -> str:
    """Parse ``--network NAME``; only the name of the long form is supported."""
    if "=" not in value:
        return value
    given = dict(fields("--network", value))
    if set(given) != {"name"} or not given["name"]:
        raise UsageError(f"--network {value!r}: only the network's name can be given.")
    return given["name"]
