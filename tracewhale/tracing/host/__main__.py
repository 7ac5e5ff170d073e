"""``python -m tracewhale.tracing.host NAME``: run an agent as a process."""

from __future__ import annotations

import os
import sys

from tracewhale.errors import TraceWhaleError
from tracewhale.tracing.host.control import Control
from tracewhale.tracing.host.ebpf import EbpfRelay
from tracewhale.tracing.host.fanotify import FanotifyRelay
from tracewhale.tracing.host.recorder import Recorder
from tracewhale.tracing.host.request import UnsupportedByProbe
from tracewhale.tracing.host.strace_agent import StraceAgent
from tracewhale.tracing.records import Feature, Hello
from tracewhale.tracing.stream import PROTOCOL_VERSION


def write(data: bytes) -> None:
    """Write all the data to standard output."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


def main(name: str, *words: str) -> None:
    """Run an agent to its end; ``ebpf`` and ``fanotify`` need the path of the probe."""
    recorder = Recorder(write)
    control = Control(recorder)
    recorder.tell(Hello(PROTOCOL_VERSION, Feature(0)))
    if name == "ptrace":  # imported only where it is asked for: python-ptrace need not be installed
        from tracewhale.tracing.host.ptracer import Tracer

        Tracer(recorder, control).run()
    elif name == "ebpf":
        EbpfRelay(recorder, control, *words).run()
    elif name == "fanotify":
        FanotifyRelay(recorder, control, *words).run()
    else:
        StraceAgent(recorder, control).run()


def say(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """Print an error: only its message, if it has one."""
    if isinstance(error, UnsupportedByProbe | TraceWhaleError):
        os.write(2, f"{error}\n".encode(errors="backslashreplace"))
    else:
        sys.__excepthook__(kind, error, error.__traceback__)


if __name__ == "__main__":
    sys.excepthook = say
    main(*sys.argv[1:])
