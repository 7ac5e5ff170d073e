"""The arguments of ``probe sandbox`` (probes/sandbox/sandbox.c), and the processes that it starts."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tracewhale.errors import CommandNotFound


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The arguments of ``probe sandbox``, without its pipes.

    ``program`` is the path of the probe, valid in a child that gets the descriptor ``descriptor``.
    ``options`` make the sandbox, ``common`` are for every command in it. ``init`` returns a command's
    arguments of ``probe init``, given the first process of a sandbox to join, else 0. The agent knows by
    ``token`` the processes that become commands.
    """

    program: str
    descriptor: int
    options: tuple[str, ...]
    common: tuple[str, ...]
    mounts: tuple[str, ...]
    token: str
    init: Callable[[Sequence[str], int], list[str]]
    environment: Mapping[str, str]

    def popen(
        self,
        options: Sequence[str],
        mounts: Sequence[str],
        argv: Sequence[str],
        *,
        stdin: int,
        output: int,
        descriptors: Sequence[int] = (),
        joining: int = 0,
    ) -> subprocess.Popen[bytes]:
        """Start ``probe sandbox``: with mounts a new sandbox, else as the options say. Raise
        CommandNotFound."""
        try:
            return subprocess.Popen(
                [self.program, "sandbox", *self.common, *options, *mounts, "--", *self.init(argv, joining)],
                stdin=stdin,
                stdout=output,
                stderr=output,
                pass_fds=(self.descriptor, *descriptors),
                env=dict(self.environment),
                bufsize=0,
            )
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            word = argv[0][:200]
            raise CommandNotFound(f"The command {word!r} cannot be executed: {error.strerror}.") from error
