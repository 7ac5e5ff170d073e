"""The ``ebpf`` probe: programs in the kernel report requested paths to ``probe ebpf``."""

from __future__ import annotations

from tracewhale.tracing.host import files_in_use
from tracewhale.tracing.host.control import Take
from tracewhale.tracing.host.relay import Relay


class EbpfRelay(Relay):
    """Watches the control group of the first process that is taken, or the processes if they have none."""

    name = "ebpf"

    def start(self, take: Take) -> None:
        """See Relay.start."""
        self.translates |= not take.token
        self.spawn()

    def let_go(self, take: Take) -> None:
        """See Relay.let_go. `probe ebpf` sends the signal itself once the kernel knows the process."""
        self.order(f"{'h' if take.token else 'r'} {take.pid} {take.listener}\n".encode())
        if not take.token:
            files_in_use.tell(self._recorder, take.pid)
