"""A session in which nothing runs, for what does not depend on an engine."""

from __future__ import annotations

from collections.abc import Sequence

from tracewhale.running.session import RunSession, TargetProcess


class Nothing(RunSession):
    """No command, no agent; it is said to listen on ``ports``, on those of ``ipv6``, at ``local`` places."""

    ports: frozenset[int] = frozenset()
    ipv6: frozenset[int] = frozenset()
    local: tuple[str, ...] = ()

    def enter(self, argv: Sequence[str], *, seconds: float | None = None) -> tuple[TargetProcess, int]:
        raise NotImplementedError

    def listening(self) -> set[int]:
        return set(self.ports)

    def ipv6_listeners(self) -> set[int]:
        return set(self.ipv6)

    def local_listeners(self) -> tuple[str, ...]:
        return self.local

    def kill(self, number: int) -> None:
        """Nobody is there."""

    def resize(self) -> None:
        """There is no terminal."""

    def tell_agent(self, line: str) -> bool:
        return False

    def process_status(self) -> str:
        return ""

    def stop(self) -> None:
        """Nothing runs."""
