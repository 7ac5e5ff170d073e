"""Access to this machine that a trace file requests, granted only if the user allows it. Pure.

A trace may come from a stranger. To repeat its run must give it no more than a container has by default: no
command, file, volume, port, device or network of this machine, no more capabilities, no weaker seccomp
profile. Each request is written as the option of the command line that allows it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tracewhale.engines.names import DOCKER, HOST, ROOTFS, parse
from tracewhale.errors import Untrusted
from tracewhale.running.capabilities import DEFAULT, bare
from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run
from tracewhale.tracing.events import Step, Trace

IDENTITY = re.compile(r"(container:|sha256:)[0-9a-f]{64}")
"""The exact id of the image or container of a trace; a name could refer to another one later."""

LONGEST = 3600.0
"""Seconds for which a trace may run a target without permission."""

SHOWN = 300
"""The most characters of a line that are shown: a seccomp profile has thousands."""

_OWN_NETWORKS = (None, "default", "bridge", "none")


@dataclass(frozen=True, slots=True)
class Trust:
    """The user's permissions for a trace: everything, or these words (in the form of ``words_of``)."""

    everything: bool = False
    words: frozenset[str] = frozenset()

    def check(self, trace: Trace, *, repeats: bool, image: str = "") -> None:
        """Raise Untrusted, with a list, if a trace requests access to this machine without permission.

        ``repeats`` says whether the traced run is repeated, possibly with another ``image``; without it only
        files are copied.
        """
        files = list(_files(trace))
        if repeats:
            request = Run.from_json(trace.request, trace.target, trace.image, {})
            files += [*_container(trace), *words_of(request.options, trace.steps)]
            kinds = {parse(name).kind for name in (trace.target, image) if name}
            if kinds != {DOCKER} and request.options.network is None:
                files.append(f"--network {HOST!r}")  # the network where no engine makes another
            if not trace.steps and trace.seconds > LONGEST:
                files.append(f"--for {trace.seconds:g}")
        refused = [] if self.everything else [word for word in files if word not in self.words]
        if refused:
            raise Untrusted(
                "\n".join(["The trace requests access to this machine:", *map(_short, refused)]),
                "Use --trust-trace if it is yours, or give the same --workload, -v, --mount and --network.",
            )


NO_TRUST = Trust()


def words_of(options: RunOptions, steps: Iterable[Step] = ()) -> Iterator[str]:
    """Yield each access to this machine that a request needs, as an option of the command line."""
    for step in steps:
        if step.kind == "workload":
            yield f"--workload {step.argument!r}"
        if step.kind in ("for", "until-idle") and _is_long(step.argument):
            yield f"--{step.kind} {step.argument}"
        # A command runs here, and a pattern may take forever to match.
        if step.kind == "wait" and step.argument.startswith(("cmd:", "log:")):
            yield f"--wait-for {step.argument!r}"
        if not step.seconds <= LONGEST:
            yield f"--wait-timeout {step.seconds:g}"
    yield from (f"-v {text!r}" for text in options.volumes if ":" in text)
    yield from (f"--mount {_json(text)}" for text in options.mounts if not _private(text))
    if options.network not in _OWN_NETWORKS:
        yield f"--network {options.network!r}"
    yield from (f"-p {':'.join(text)!r}" for text in options.publish)
    yield from (f"--cap-add {text!r}" for text in options.cap_add if bare(text) not in DEFAULT)
    yield from (f"--security-opt {text!r}" for text in options.security_opt if not _restricts(text))
    yield from (f"--ulimit {name}={soft}:{hard}" for name, soft, hard in options.ulimit)
    yield from (f"--gpus {_json(text)}" for text in options.gpus)


def _files(trace: Trace) -> Iterator[str]:
    """Yield the owners of the files that a trace read and that belong to no image."""
    name = parse(trace.target)
    if name.kind == HOST:
        yield "the files of this machine, as the target host"
    elif name.kind == ROOTFS:
        yield f"the files in {name.place!r}, as the target {trace.target!r}"


def _container(trace: Trace) -> Iterator[str]:
    """Yield a container that is the target, because its copy has the same access to this machine."""
    if parse(trace.target).kind == DOCKER and trace.image.startswith("container:"):
        yield f"a copy of the container {trace.target!r} ({trace.image!r}), with its mounts and privileges"


def _private(mount: Mapping[str, Any]) -> bool:
    """Return whether a mount is in memory, or an anonymous volume of the engine's own driver."""
    driven = (mount.get("VolumeOptions") or {}).get("DriverConfig")
    return mount.get("Type") == "tmpfs" or (
        mount.get("Type") == "volume" and not mount.get("Source") and not driven
    )


def _restricts(option: str) -> bool:
    return option.replace(":", "=", 1) in ("no-new-privileges", "no-new-privileges=true")


def _is_long(seconds: str) -> bool:
    """Return whether a --for is long; an invalid number is refused when the steps are taken."""
    try:
        return float(seconds) > LONGEST
    except ValueError:
        return False


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True)


def _short(line: str) -> str:
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
