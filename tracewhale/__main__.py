"""The command's entry: ``tracewhale``, and ``python -m tracewhale``."""

from __future__ import annotations

import os
import signal
import sys


def start() -> None:
    """Run the command line. Ctrl-C while its modules load just ends it: there is nothing to clean up."""
    _open_standard_streams()
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tracewhale.cli import main, unexpected

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        main(prog_name="tracewhale")
    except Exception as error:  # each of another kind is one that was foreseen
        unexpected(error)


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
