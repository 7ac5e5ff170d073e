"""Try each probe on this machine and its engine, and say what to do if one does not work."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tracewhale.engines.base import Request
from tracewhale.engines.docker.agent_container import probe_image
from tracewhale.engines.docker.engine import connect
from tracewhale.engines.docker.facts import engine_name, facts
from tracewhale.engines.docker.selftest import attempt
from tracewhale.engines.embedded.adapter import EmbeddedEngine
from tracewhale.engines.names import ROOTFS
from tracewhale.engines.probes import REAL, SEES_ALL, Probe, ProbeVerdict, judge
from tracewhale.errors import ProbeError, TraceWhaleError
from tracewhale.probe import binary
from tracewhale.running.console import Console, Progress
from tracewhale.running.setup import RunSetup

ENTERING = (
    "a traced container is created with CAP_SYS_ADMIN, which a docker exec has that comes neither from "
    "--exec nor from a --workload"
)

SANDBOX = "sandbox"
"""The seccomp probe without an engine: for targets that are no Docker images."""


@dataclass(frozen=True, slots=True)
class ProbeCheck:
    """The result for one probe. ``remedy`` is empty if it works; ``seconds`` is the duration of the test."""

    probe: str
    works: bool
    why: str
    remedy: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Examination:
    """The results in the order of preference, and the remedy if there is no engine.

    ``note`` is a warning about the engine.
    """

    engine: str
    diagnoses: tuple[ProbeCheck, ...]
    remedy: str = ""
    note: str = ""

    @property
    def auto(self) -> str:
        """The probe that ``--probe auto`` takes, "" if none works."""
        sees_all = {probe.value for probe in SEES_ALL}
        return next(
            (
                diagnosis.probe
                for diagnosis in self.diagnoses
                if diagnosis.works and diagnosis.probe in sees_all
            ),
            "",
        )


def examine(progress: Progress = lambda text: None) -> Examination:
    """Try every probe. An engine that does not answer is a finding, not an error."""
    remedy, note = "", ENTERING
    try:
        with closing(connect(os.environ)) as client:
            known = facts(client)
            place = "on this machine" if known.here else "on another machine"
            engine = f"{engine_name(client)}, Linux {'.'.join(map(str, known.kernel))}, {place}"
            probe = binary(known.architecture)
            with probe_image(client, probe) as image:
                checks = [
                    _diagnosis(judge(kind, known), partial(attempt, client, image, probe, kind), progress)
                    for kind in REAL
                ]
    except TraceWhaleError as error:
        engine, remedy, note = f"none: {error.what}", error.hint, ""
        checks = [ProbeCheck(kind.value, False, "there is no engine to try it with") for kind in REAL]
    verdict = ProbeVerdict(Probe.SECCOMP, True, "no engine is needed: docker-archive, oci, rootfs and host")
    sandbox = _diagnosis(verdict, _sandbox, progress, name=SANDBOX)
    return Examination(engine, (*checks, sandbox), remedy, note)


def _diagnosis(
    verdict: ProbeVerdict, trial: Callable[[], None], progress: Progress, name: str = ""
) -> ProbeCheck:
    name = name or verdict.probe.value
    if not verdict.works:
        return ProbeCheck(name, False, verdict.why, verdict.remedy)
    progress(f"trying {name}")
    began = time.monotonic()
    try:
        trial()
    except TraceWhaleError as error:
        return ProbeCheck(name, False, error.what.rstrip("."), error.hint, time.monotonic() - began)
    return ProbeCheck(name, True, verdict.why, seconds=time.monotonic() - began)


def _sandbox() -> None:
    """Trace a command of a directory that holds nothing but the probe's binary. Raise the errors of a
    trace."""
    with tempfile.TemporaryDirectory(prefix="tracewhale-") as directory:
        program = Path(directory) / "trial"
        program.write_bytes(binary(os.uname().machine))
        program.chmod(0o755)
        engine = EmbeddedEngine(lambda text: None)
        request = Request(command=("/trial",))
        with engine.open(f"{ROOTFS}:{directory}", request) as target, target.tree() as tree:
            trace = target.trace(RunSetup(tree, (), Console())).checked()
    if not any(event.path == "/trial" for event in trace.events):
        raise ProbeError("The sandbox ran and its probe saw nothing.", "Please report it with your kernel.")
