"""Check the form of an image configuration (OCI image-spec, config.md; moby, api/types/container/config.go).

An engine parses each member into a type before it uses it. Without an engine a stranger's file is used
directly, so every configuration from a file is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracewhale.errors import ImageContentError

Holds = Callable[[Any], bool]


def check(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration unchanged. Raise ImageContentError, naming the member, if a member has another
    form.

    Absent and null members are allowed; unknown members are left as they are.
    """
    for members, where in ((_IMAGE, config), (_PROCESS, config.get("config") or {})):
        for name, (form, holds) in members.items():
            value = where.get(name)
            if value is not None and not holds(value):
                raise ImageContentError(
                    f"The image's configuration has a {name} that is not {form}.",
                    "No container can be made from it: build the image again.",
                )
    return config


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _word(value: Any) -> bool:
    """Return a string that may be an argument of a process: NUL would end it (execve(2))."""
    return isinstance(value, str) and "\0" not in value


def _words(value: Any) -> bool:
    return isinstance(value, list) and all(map(_word, value))


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _texts_by_name(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_text, value.values()))


def _number(value: Any) -> bool:
    """Return a Go int64."""
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63


def _health_check(value: Any) -> bool:
    forms = {"Test": _words} | dict.fromkeys(("Interval", "Timeout", "StartPeriod", "Retries"), _number)
    return isinstance(value, dict) and all(
        holds(value[name]) for name, holds in forms.items() if value.get(name) is not None
    )


_TEXT = ("a string", _text)
_WORD = ("a string without NUL", _word)
_WORDS = ("a list of strings without NUL", _words)
_OBJECT = ("an object", _object)

_IMAGE: Mapping[str, tuple[str, Holds]] = {
    "architecture": _TEXT,
    "os": _TEXT,
    "created": _TEXT,
    "rootfs": _OBJECT,
    "config": _OBJECT,
}

_PROCESS: Mapping[str, tuple[str, Holds]] = {
    "Env": _WORDS,
    "Cmd": _WORDS,
    "Entrypoint": _WORDS,
    "Shell": _WORDS,
    "User": _WORD,
    "WorkingDir": _WORD,
    "StopSignal": _TEXT,
    "ExposedPorts": _OBJECT,
    "Volumes": _OBJECT,
    "Labels": ("an object of strings", _texts_by_name),
    "Healthcheck": ("a health check", _health_check),
}
