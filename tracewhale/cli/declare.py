"""How options are declared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def apply(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return several options as one decorator, in their order."""

    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def many(*names: str, **settings: Any) -> Callable[[F], F]:
    """Return an option that may be given any number of times."""
    return click.option(*names, multiple=True, **settings)
