"""The image configuration (OCI image-spec, config.md; Docker's "image JSON" is the same with more members).

Members other than rootfs, history and created are copied unchanged, even unknown ones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tracewhale.errors import UsageError
from tracewhale.rootfs.config_check import check

_INSPECTED = {
    "Architecture": "architecture",
    "Variant": "variant",
    "Os": "os",
    "OsVersion": "os.version",
    "OsFeatures": "os.features",
    "Author": "author",
    "Comment": "comment",
    "Container": "container",
    "ContainerConfig": "container_config",
    "DockerVersion": "docker_version",
    "Config": "config",
    "Created": "created",
}
"""Members of the Docker API's ImageInspect, and their names in the image's own configuration."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """The differences between the new image's configuration and the original's; None means no difference.

    ``env`` and ``labels`` add to the original's or replace those of the same name. ``expose`` adds
    ``PORT[/PROTOCOL]``. A new entrypoint without a new command drops the original's command, which contained
    its arguments (Dockerfile reference, "ENTRYPOINT").
    """

    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    user: str | None = None
    workdir: str | None = None
    expose: tuple[str, ...] = ()


AS_IT_WAS = Overrides()


def from_inspect(inspected: Mapping[str, Any]) -> dict[str, Any]:
    """Return an image configuration from the Docker API's ImageInspect (``docker image inspect``).

    Empty members are left out, as in a configuration that the engine writes. Raise ImageContentError for a
    NUL, which an engine stores and which no process can be given.
    """
    config = {name: inspected[member] for member, name in _INSPECTED.items() if inspected.get(member)}
    config["rootfs"] = {"type": "layers", "diff_ids": (inspected.get("RootFS") or {}).get("Layers") or []}
    check(config)
    return config


def new_config(
    original: Mapping[str, Any],
    diff_ids: Sequence[str],
    *,
    created: str | None = None,
    created_by: str = "tracewhale",
    overrides: Overrides = AS_IT_WAS,
) -> bytes:
    """Return the configuration of an image made from another, as the bytes whose SHA-256 is its identity.

    ``created`` is an RFC 3339 time, or None to have none. The history has one line for each layer.
    """
    history: dict[str, str] = {"created_by": created_by}
    if created is not None:
        history["created"] = created
    config = {name: value for name, value in original.items() if name != "created"}
    if created is not None:
        config["created"] = created
    config["rootfs"] = {"type": "layers", "diff_ids": list(diff_ids)}
    config["history"] = [history for _ in diff_ids]
    config["config"] = _overridden(original.get("config") or {}, overrides)
    return canonical(config)


def overridden(config: Mapping[str, Any], overrides: Overrides) -> bytes:
    """Return a configuration with the overrides applied."""
    return canonical({**config, "config": _overridden(config.get("config") or {}, overrides)})


def created_time(original: Mapping[str, Any], environ: Mapping[str, str]) -> str | None:
    """Return the new image's time of creation: SOURCE_DATE_EPOCH, else the original's own time.

    Raise UsageError.
    """
    epoch = source_date_epoch(environ)
    if epoch is None:
        return original.get("created")
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def source_date_epoch(environ: Mapping[str, str]) -> int | None:
    """Return the time of every file and image made here, in seconds, or None if it is not set.

    Source: https://reproducible-builds.org/specs/source-date-epoch/. Raise UsageError.
    """
    text = environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    try:
        epoch = int(text)
        datetime.fromtimestamp(epoch, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"SOURCE_DATE_EPOCH is {text!r}, which is not a number of seconds since 1970.",
            "Unset it, or correct it.",
        ) from error
    return epoch


def canonical(value: object) -> bytes:
    """Return JSON in its canonical form: sorted names, no white space, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(data: bytes) -> str:
    """Return a digest in the form of images: ``sha256:HEX``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _overridden(config: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    changed = dict(config)
    if overrides.env:
        changed["Env"] = _merged_env(config.get("Env") or [], overrides.env)
    if overrides.labels:
        changed["Labels"] = {**(config.get("Labels") or {}), **overrides.labels}
    if overrides.expose:
        ports: dict[str, dict[str, str]] = {
            port if "/" in port else f"{port}/tcp": {} for port in overrides.expose
        }
        changed["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **ports}
    if overrides.entrypoint is not None:
        changed["Entrypoint"] = list(overrides.entrypoint) or None
        changed["Cmd"] = None
    if overrides.cmd is not None:
        changed["Cmd"] = list(overrides.cmd) or None
    if overrides.user is not None:
        changed["User"] = overrides.user
    if overrides.workdir is not None:
        changed["WorkingDir"] = overrides.workdir
    return changed


def _merged_env(env: Sequence[str], new: Mapping[str, str]) -> list[str]:
    """Return variables in their old order, replaced in place, with new ones after them."""
    remaining = dict(new)
    merged = []
    for variable in env:
        name = variable.partition("=")[0]
        if name in new:
            if name in remaining:
                merged.append(f"{name}={remaining.pop(name)}")
        else:
            merged.append(variable)
    return merged + [f"{name}={value}" for name, value in remaining.items()]
