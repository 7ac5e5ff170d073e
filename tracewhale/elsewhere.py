"""Traces of what we did not start: logs that another tool wrote, containers that run already."""

from __future__ import annotations

from contextlib import ExitStack

from tracewhale.adoption import adopt
from tracewhale.engines.base import Engine
from tracewhale.pipeline import Job, Session
from tracewhale.report.model import Report
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Trace


def from_logs(engine: Engine, job: Job, told: Trace, session: Session) -> tuple[Report, Trace]:
    """Take what logs tell for a trace of the job's target; nothing is run."""
    with ExitStack() as held:
        with session.stage("target", f"looking for {job.name}"):
            target = held.enter_context(engine.open(job.name, job.request))
            tree = held.enter_context(target.tree())
        found = adopt(View(tree), target.untraced(), told)
        report = Report(
            "trace", found.target, found.image, trace=found, seconds=session.seconds, notes=target.notes
        )
    return report, found


def attach(engine: Engine, job: Job, session: Session) -> tuple[Report, Trace]:
    """Trace a container that runs already and goes on; nothing is built."""
    with session.stage("trace", "watching the container"):
        session.running = True
        try:
            found = engine.attach(job.name, job.request, job.steps, session.console, session.handle)
        finally:
            session.running = False
    return Report("trace", found.target, found.image, trace=found, seconds=session.seconds), found
