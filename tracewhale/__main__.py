"""The command's entry: ``tracewhale``, and ``python -m tracewhale``."""

from __future__ import annotations

import signal


def start() -> None:
    """Run the command line. Ctrl-C while its modules load just ends it: there is nothing to clean up."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tracewhale.cli import main

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main(prog_name="tracewhale")


if __name__ == "__main__":
    start()
