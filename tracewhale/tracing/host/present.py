"""The files of a process that runs already: its program, mapped and open files, its directory."""

from __future__ import annotations

from contextlib import suppress

from tracewhale.tracing.calls import flag_names, opens
from tracewhale.tracing.events import Access
from tracewhale.tracing.host import finding, proc
from tracewhale.tracing.host.recorder import Recorder, Use
from tracewhale.tracing.strace.processes import RequestedPath


def uses(pid: int) -> list[Use]:
    """As if it had just asked for all of it; nothing of a process that is gone."""
    found, root = [], "/"
    with suppress(OSError):
        root = proc.root(pid)
        found.append(Use(Access.CHDIR, True, RequestedPath.of_whole(proc.link(pid, "cwd"), root)))
    if root != "/":
        found.append(Use(Access.CHROOT, True, RequestedPath(root)))
    if program := proc.program(pid):
        found.append(Use(Access.EXEC, True, RequestedPath.of_whole(program, root)))
    found += [Use(Access.MAP, True, RequestedPath.of_whole(path, root)) for path in proc.mapped(pid)]
    for path, flags in proc.opened(pid).values():
        found.append(Use(opens(flag_names(flags))[0], True, RequestedPath.of_whole(path, root)))
    return found


def tell(recorder: Recorder, pid: int) -> bool:
    """Tell all that a process has; whether it is chrooted."""
    name = proc.program(pid)
    program = recorder.program(name)
    for use in (found := uses(pid)):
        recorder.call(pid, program, [use], lambda asked, follow: finding.find(pid, asked, follow=follow))
    if name:
        recorder.executed(pid, program, name, proc.loader_environment(pid))
    return any(use.access is Access.CHROOT for use in found)
