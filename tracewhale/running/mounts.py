"""Parse ``-v``, ``--mount`` and ``--tmpfs`` as Docker's command line does. No effects."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from tracewhale.errors import UsageError
from tracewhale.running.flags import fields, size

MODES = frozenset("ro rw z Z nocopy consistent cached delegated".split())
PROPAGATIONS = frozenset("private rprivate shared rshared slave rslave".split())
_TRUE = frozenset("1 t T TRUE true True".split())
_FALSE = frozenset("0 f F FALSE false False".split())


def absolute_path(path: str) -> str:
    """Return a path from the root. Raise UsageError if the current directory was removed."""
    try:
        return os.path.abspath(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} is not a path: the current directory was removed.", "Change to another directory."
        ) from error


def volume(value: str, absolute: Callable[[str], str] = absolute_path) -> str:
    """Parse ``-v [SOURCE:]DESTINATION[:MODE,...]``; a relative SOURCE becomes absolute."""
    parts = value.split(":")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"-v {value!r} is not [SOURCE:]DESTINATION[:MODE].")
    if len(parts) == 1:
        _destination("-v", value, parts[0])
        return parts[0]
    source, destination = parts[:2]
    _destination("-v", value, destination)
    if source in (".", "..") or source.startswith(("./", "../")):
        source = absolute(source)
    elif not source.startswith("/") and not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", source):
        raise UsageError(
            f"-v {value!r}: {source!r} is neither a path nor the name of a volume.",
            "A path starts with / or ./ ; a name has letters, digits, and _ . - inside.",
        )
    modes = parts[2].split(",") if len(parts) == 3 else []
    wrong = [mode for mode in modes if mode not in MODES | PROPAGATIONS]
    if wrong:
        raise UsageError(f"-v {value!r}: there is no mode {wrong[0]!r}.")
    return ":".join([source, destination, *parts[2:]])


def _destination(flag: str, value: str, path: str) -> None:
    if not path.startswith("/"):
        raise UsageError(
            f"{flag} {value!r}: the path in the container must be absolute, and {path!r} is not."
        )
    if os.path.normpath(path) in ("/", "//"):
        raise UsageError(f"{flag} {value!r}: nothing can be mounted on the root directory.")


def _boolean(value: str, key: str, text: str | None) -> bool:
    if text is None or text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UsageError(f"--mount {value!r}: {key} is true or false, not {text!r}.")


def mount(value: str, absolute: Callable[[str], str] = absolute_path) -> dict[str, Any]:
    """Parse ``--mount KEY=VALUE,...`` to the engine's Mount object."""
    result: dict[str, Any] = {"Type": "volume"}
    options: dict[str, dict[str, Any]] = {}
    for key, text in fields("--mount", value):
        if text is None and key not in (
            "readonly",
            "ro",
            "volume-nocopy",
            "bind-nonrecursive",
            "bind-create-src",
        ):
            raise UsageError(f"--mount {value!r}: {key!r} must be KEY=VALUE.")
        word = text or ""
        kind, _, option = key.partition("-")
        if key == "type":
            result["Type"] = word.lower()
        elif key in ("source", "src"):
            relative = word in (".", "..") or word.startswith(("./", "../"))
            result["Source"] = absolute(word) if relative else word
        elif key in ("target", "dst", "destination"):
            result["Target"] = word
        elif key in ("readonly", "ro"):
            result["ReadOnly"] = _boolean(value, key, text)
        elif key == "consistency":
            result["Consistency"] = word.lower()
        elif kind in ("bind", "volume", "tmpfs", "image") and option:
            _mount_option(value, key, text, options.setdefault(kind, {}))
        else:
            raise UsageError(f"--mount {value!r}: there is no key {key!r}.")
    if result["Type"] not in ("bind", "volume", "tmpfs", "image", "npipe", "cluster"):
        raise UsageError(f"--mount {value!r}: there is no type {result['Type']!r}.")
    if "Target" not in result:
        raise UsageError(f"--mount {value!r} has no target.")
    _destination("--mount", value, result["Target"])
    if result["Type"] == "bind" and not str(result.get("Source", "")).startswith("/"):
        raise UsageError(f"--mount {value!r}: a bind mount needs a source that is a path.")
    if result["Type"] == "tmpfs" and "Source" in result:
        raise UsageError(f"--mount {value!r}: a tmpfs has no source.")
    for kind, given in options.items():
        if kind != result["Type"]:
            raise UsageError(f"--mount {value!r}: {kind}-* does not go with the type {result['Type']}.")
        result[f"{kind.capitalize()}Options"] = given
    return result


def _mount_option(value: str, key: str, text: str | None, into: dict[str, Any]) -> None:
    word = text or ""
    name, _, content = word.partition("=")
    if key == "bind-propagation":
        if word.lower() not in PROPAGATIONS:
            raise UsageError(f"--mount {value!r}: there is no propagation {word!r}.")
        into["Propagation"] = word.lower()
    elif key == "bind-nonrecursive":
        into["NonRecursive"] = _boolean(value, key, text)
    elif key == "bind-create-src":
        into["CreateMountpoint"] = _boolean(value, key, text)
    elif key == "bind-recursive":
        known: dict[str, dict[str, bool]] = {
            "enabled": {},
            "disabled": {"NonRecursive": True},
            "writable": {"ReadOnlyNonRecursive": True},
            "readonly": {"ReadOnlyForceRecursive": True},
        }
        if word not in known:
            raise UsageError(f"--mount {value!r}: bind-recursive is one of {', '.join(known)}, not {word!r}.")
        into.update(known[word])
    elif key == "volume-nocopy":
        into["NoCopy"] = _boolean(value, key, text)
    elif key in ("volume-subpath", "image-subpath"):
        into["Subpath"] = word
    elif key == "volume-label":
        into.setdefault("Labels", {})[name] = content
    elif key == "volume-driver":
        into.setdefault("DriverConfig", {})["Name"] = word
    elif key == "volume-opt":
        into.setdefault("DriverConfig", {}).setdefault("Options", {})[name] = content
    elif key == "tmpfs-size":
        into["SizeBytes"] = size(f"--mount {value!r}: tmpfs-size", word)
    elif key == "tmpfs-mode":
        if not re.fullmatch(r"[0-7]{1,10}", word, re.ASCII):
            raise UsageError(f"--mount {value!r}: tmpfs-mode is an octal number, not {word!r}.")
        into["Mode"] = int(word, 8)
    else:
        raise UsageError(f"--mount {value!r}: there is no key {key!r}.")


def tmpfs(value: str) -> tuple[str, str]:
    """Parse ``--tmpfs PATH[:OPTIONS]``."""
    path, _, options = value.partition(":")
    _destination("--tmpfs", value, path)
    return path, options
