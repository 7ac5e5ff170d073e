"""The entry point of the command: ``tracewhale``, and ``python -m tracewhale``."""

from __future__ import annotations

import os
import signal
import sys


def start() -> None:
    """Run the command line. A signal during its imports ends it at once: there is nothing to clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)
    _open_standard_streams()
    from tracewhale.cli import end_by_signals, main, unexpected

    try:
        end_by_signals()
        main(prog_name="tracewhale")
    except Exception as error:  # each of another kind is one that was foreseen
        unexpected(error)
    except KeyboardInterrupt as error:  # outside of every verb
        _leave(getattr(error, "number", signal.SIGINT), None)


def _leave(number: int, frame: object) -> None:
    """End with the status that a shell gives for a signal."""
    os._exit(128 + number)


def _open_standard_streams() -> None:
    """Open the standard streams that our parent closed, so that no other file gets their numbers."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            stream = open(descriptor, "w" if descriptor else "r", closefd=False)  # noqa: SIM115 - as the others
            setattr(sys, name, stream)


if __name__ == "__main__":
    start()
