"""The files of a process that already runs: its program, mapped and open files, its directory."""

from __future__ import annotations

from contextlib import suppress

from tracewhale.tracing.calls import flag_names, opens
from tracewhale.tracing.events import Access
from tracewhale.tracing.host import lookup, proc
from tracewhale.tracing.host.recorder import Recorder, Use
from tracewhale.tracing.strace.processes import RequestedPath


def uses(pid: int) -> list[Use]:
    """Return uses of all files of a process, as if it had just requested them; none if it has ended."""
    result, root = [], "/"
    with suppress(OSError):
        root = proc.root(pid)
        result.append(Use(Access.CHDIR, True, RequestedPath.of_full_path(proc.link(pid, "cwd"), root)))
    if root != "/":
        result.append(Use(Access.CHROOT, True, RequestedPath(root)))
    if program := proc.program(pid):
        result.append(Use(Access.EXEC, True, RequestedPath.of_full_path(program, root)))
    result += [
        Use(Access.MAP, True, RequestedPath.of_full_path(path, root)) for path in proc.mapped_files(pid)
    ]
    for path, flags in proc.open_files(pid).values():
        result.append(Use(opens(flag_names(flags))[0], True, RequestedPath.of_full_path(path, root)))
    return result


def tell(recorder: Recorder, pid: int) -> bool:
    """Record all files of a process, and return whether it has another root directory."""
    name = proc.program(pid)
    program = recorder.program(name)
    for use in (uses_ := uses(pid)):
        recorder.call(
            pid,
            program,
            [use],
            lambda requested_path, follow: lookup.find(pid, requested_path, follow=follow),
        )
    if name:
        recorder.executed(pid, program, name, proc.loader_environment(pid))
    return any(use.access is Access.CHROOT for use in uses_)
