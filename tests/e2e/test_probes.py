"""The same command by each probe on real images: the same plan, and nothing that strace shows is missed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest
from docker import DockerClient
from docker.models.containers import Container

from tests.e2e.tool import refusal, tracewhale
from tracewhale import pipeline
from tracewhale.context import Context
from tracewhale.engines.base import Request
from tracewhale.engines.probes import SEES_ALL, Probe
from tracewhale.engines.registry import Engines
from tracewhale.errors import UsageError
from tracewhale.pipeline import Job
from tracewhale.plan.model import Options, Plan
from tracewhale.plan.passes import make_plan
from tracewhale.plan.reasons import Why
from tracewhale.report.json import schema
from tracewhale.rootfs.tree import View
from tracewhale.running.options import parse_options
from tracewhale.tracing.events import Step, Trace

Image = Callable[[str], str]

SCRIPT = """
cd /etc && for file in *.conf; do [ -L "$file" ] || read line < "$file"; done
cat passwd group | grep -c root; (cd /usr/share && ls -d doc/b* | sort | head -n 3)
mkdir -p /tmp/a/b && cd /tmp/a && : > b/file && ln -s b/file link && cp link copy && mv copy b/moved
find /usr/share/doc/bash -newer /etc/passwd; test -e ./none; readlink /bin; stat -f / >/dev/null; id -un
"""
STORM = "i=0; while [ $i -lt 150 ]; do (/bin/true; cat /etc/hostname >/dev/null) & i=$((i+1)); done; wait"
THREADS = """
import os, threading
def work(n):
    for _ in range(30):
        os.chdir("/usr/share"); os.path.exists("doc"); os.chdir("/etc"); os.path.exists("passwd")
threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
os.stat("group")
"""


@dataclass(frozen=True)
class Case:
    """A command of a sample image; ``least`` is how many paths it asks for that the image has, at least."""

    image: str
    command: tuple[str, ...] = ()
    least: int = 1
    entrypoint: str | None = None
    steps: tuple[Step, ...] = ()
    racing: bool = False
    """Whether threads race, so that what is asked for differs from run to run."""


GET = Step("workload", "curl -fsS -o /dev/null http://$TRACEWHALE_IP/")
CASES = {
    "java": Case("java", ("java", "-version"), 25),
    "python": Case("flask", ("python3", "-c", "import flask, sqlalchemy"), 500),
    "node": Case("node", ("node", "-e", "require('express')"), 100),
    "nginx": Case("nginx", (), 20, steps=(GET, Step("exec", "cat /etc/nginx/mime.types"))),
    "shell": Case("curl", ("-c", SCRIPT), 60, entrypoint="sh"),
    "static": Case("static"),
    "go": Case("go", (), 4),
    "fork storm": Case("curl", ("-c", STORM), 5, entrypoint="sh"),
    "threads": Case("flask", ("python3", "-I", "-S", "-c", THREADS), 20, racing=True),
}


@dataclass
class Traced:
    """The records of a probe for a command, and the paths that are kept for it."""

    trace: Trace
    plan: Plan
    asked: frozenset[tuple[str, str]]
    """Access and real path, of paths that the image has."""


def by_probe(case: Case, image: Image, probe: Probe) -> Traced:
    options = parse_options(environ={}, entrypoint=case.entrypoint)
    request = Request(options, case.command, probe)
    context, engine = Context(), Engines(lambda text: None)
    _, trace = pipeline.trace(engine, Job(image(case.image), request, case.steps), context)
    assert trace.probe == probe.value
    assert trace.counters.lost == 0
    assert trace.outcome is not None
    assert trace.outcome.status == 0, trace.outcome.stderr
    with engine.reopen(trace) as target, target.tree() as tree:
        view = View(tree)
        return Traced(trace, make_plan(view, trace, Options()), asked(view, trace))


def interpreters(traced: Traced) -> set[tuple[str, str]]:
    """As in ``asked``, what the kernel opens to execute something else: no system call names it."""
    kept = traced.plan.kept.values()
    found = {each.entry.path for each in kept if Why.INTERPRETER.value in {r.why for r in each.reasons}}
    return {("exec", path) for path in found}


def asked(view: View, trace: Trace) -> frozenset[tuple[str, str]]:
    found = set()
    for event in trace.events:
        entry = view.resolve(event.path, follow=event.follow, root=event.root).entry
        outside = any(event.path.startswith(f"{mount}/") for mount in trace.mounts)
        if entry is not None and not outside:
            found.add((event.access, entry.path))
    return frozenset(found)


@pytest.mark.parametrize("name", CASES)
def test_each_probe_gives_the_same_plan(name: str, image: Image, docker_client: DockerClient) -> None:
    case = CASES[name]
    seccomp, ebpf, ptrace, strace = (by_probe(case, image, probe) for probe in SEES_ALL)
    assert len({path for _, path in strace.asked}) >= case.least
    assert strace.asked - seccomp.asked == set(), "strace is the judge"
    assert strace.asked - ebpf.asked == set()
    assert strace.asked - ptrace.asked == set()
    if not case.racing:
        assert seccomp.asked == ebpf.asked == ptrace.asked
        assert seccomp.asked - strace.asked <= interpreters(strace)
    assert len({frozenset(each.plan.kept) for each in (seccomp, ebpf, ptrace, strace)}) == 1
    executed = {each.path for each in strace.trace.execs}
    assert {each.path for each in seccomp.trace.execs} == executed
    assert {each.path for each in ebpf.trace.execs} == executed


@pytest.mark.parametrize("name", ["static", "python", "nginx"])
def test_fanotify_sees_all_that_is_opened(name: str, image: Image, docker_client: DockerClient) -> None:
    case = CASES[name]
    seccomp, fanotify = (by_probe(case, image, probe) for probe in (Probe.SECCOMP, Probe.FANOTIFY))
    files = {entry.path for entry in (kept.entry for kept in seccomp.plan.kept.values()) if entry.size}
    opened = {path for access, path in seccomp.asked if access in ("read", "exec")} & files
    assert len(opened) >= min(case.least, 100)
    assert opened - {path for _, path in fanotify.asked} == set()
    assert {event.present for event in fanotify.trace.events} == {True}
    assert fanotify.trace.execs


MADE = r"""
cd /tmp; mkdir bin; cp /usr/bin/env bin/environment
printf '%s\n' '#!/usr/bin/perl' 'use strict; print "perl\n"' >first
printf '%s\n' '#!/tmp/bin/environment -S sed -n 2p' 'sed' >second
printf '%s\n' '#!/usr/bin/mawk -f' 'BEGIN { print "awk" }' >third
printf '%s\n' '#!/tmp/third -f' 'BEGIN { print "unread" }' >fourth
chmod +x ./*; ./first; ./second; ./third; ./fourth; ./bin/environment ./first
"""
"""Scripts and a program of which no image has a copy, in one that has their interpreters."""


@pytest.mark.parametrize("kind", [Probe.SECCOMP, Probe.EBPF, Probe.PTRACE, Probe.FANOTIFY], ids=str)
def test_what_was_made_in_the_run_keeps_its_interpreter(
    kind: Probe, image: Image, docker_client: DockerClient, new_tag: Callable[[], str]
) -> None:
    tag, command = new_tag(), ["sh", "-c", MADE]
    done = tracewhale("run", "--probe", kind.value, "-t", tag, image("base"), "--", *command)
    assert done.returncode == 0, done.stderr
    printed = docker_client.containers.run(tag, command, remove=True)
    assert printed == docker_client.containers.run(image("base"), command, remove=True)
    assert printed.startswith(b"perl\nsed\nawk\n")


LOOP = "cd /usr/share; while :; do cat /etc/passwd misc/none 2>/dev/null >/dev/null; sleep 0.05; done"


@pytest.fixture
def server(docker_client: DockerClient, image: Image) -> Iterator[Container]:
    """A container that runs a loop, and goes on until the test has ended."""
    container = docker_client.containers.run(image("flask"), ["sh", "-c", LOOP], detach=True, user="0")
    yield container
    container.remove(force=True, v=True)


def pids(container: Container) -> frozenset[str]:
    return frozenset(pid for (pid,) in container.top(ps_args="-eo pid")["Processes"])


def tracers(container: Container) -> set[str]:
    """``TracerPid`` of each process of a container."""
    found = set()
    for pid in pids(container):
        with suppress(FileNotFoundError):
            status = Path(f"/proc/{pid}/status").read_text()
            found |= {line.split()[1] for line in status.splitlines() if line.startswith("TracerPid")}
    return found


@pytest.mark.parametrize("kind", [Probe.EBPF, Probe.PTRACE, Probe.STRACE], ids=str)
def test_a_running_container_is_watched_and_goes_on(kind: Probe, server: Container) -> None:
    server.reload()
    before = server.attrs["State"]["Pid"]
    job = Job(str(server.id), Request(probe=kind), (Step("for", "1.5"),))
    engine, context = Engines(lambda text: None), Context()
    report, trace = pipeline.attach(engine, job, context)
    assert tracers(server) == {"0"}
    server.reload()
    assert (server.status, server.attrs["State"]["Pid"]) == ("running", before)
    seen, deadline = {pids(server)}, time.monotonic() + 30
    while len(seen) < 3:  # its loop starts new processes
        assert time.monotonic() < deadline
        seen.add(pids(server))
    events = {(event.access, event.real or event.path, event.present) for event in trace.events}
    assert {
        ("exec", "/usr/bin/dash", True),
        ("map", "/usr/lib/x86_64-linux-gnu/libc.so.6", True),
        ("chdir", "/usr/share", True),
        ("exec", "/usr/bin/cat", True),
        ("read", "/etc/passwd", True),
        ("read", "/usr/share/misc/none", False),
    } <= events
    assert (trace.counters.lost, trace.outcome, report.trace) == (0, None, trace)
    kept = set(pipeline.plan(engine, [trace], Options(), context).plan.kept)  # type: ignore[union-attr]
    assert {"/usr/bin/dash", "/usr/bin/cat", "/usr/bin/sleep", "/etc/passwd"} <= kept


def test_what_cannot_be_watched(image: Image, docker_client: DockerClient, server: Container) -> None:
    engine = Engines(lambda text: None)

    def refused(name: str, words: str, request: Request = Request(), *steps: Step) -> None:  # noqa: B008
        with pytest.raises(UsageError, match=words):
            pipeline.attach(engine, Job(name, request, steps), Context())

    refused(image("flask"), "is an image")
    refused("host", "does not run")
    refused(str(server.id), "--exec", Request(), Step("exec", "true"))
    refused(str(server.id), "cannot do that", Request(probe=Probe.FANOTIFY))
    server.pause()
    refused(str(server.id), "paused")
    server.unpause()
    server.kill()
    refused(str(server.id), "exited")


def test_a_log_of_strace_becomes_an_image(
    image: Image, docker_client: DockerClient, new_tag: Callable[[], str], tmp_path: Path
) -> None:
    reference, log, trace = image("static"), tmp_path / "log", tmp_path / "trace"
    asked = by_probe(CASES["static"], image, Probe.SECCOMP).trace.events
    calls = {"exec": 'execve("{}", ["x"], 0x7f /* 1 var */) = 0', "read": 'openat(3, "{}", O_RDONLY) = 3'}
    lines = [calls[event.access].format(event.path) for event in asked if event.access in calls]
    log.write_text("\n".join([*lines, "exit_group(0) = ?", ""]))
    done = tracewhale("trace", "--from-strace", str(log), "-o", str(trace), reference)
    assert done.returncode == 0, done.stderr
    tag = new_tag()
    assert tracewhale("build", str(trace), "-t", tag).returncode == 0
    assert docker_client.containers.run(tag, remove=True) == b"hello whale\n"
    assert refusal("trace", "--from-strace", str(tmp_path / "none"), "-o", str(trace), reference)[0] == 12


def test_the_doctor_tries_every_probe(docker_client: DockerClient) -> None:
    done = tracewhale("doctor", "--json")
    found = json.loads(done.stdout)
    jsonschema.validate(found, schema("doctor"))
    assert {each["probe"]: each["works"] for each in found["probes"]} == dict.fromkeys(
        ("seccomp", "ebpf", "ptrace", "strace", "fanotify", "sandbox"), True
    ), found
    assert (done.returncode, found["auto"]) == (0, "seccomp")
    assert b"seccomp   works" in tracewhale("doctor").stdout


def test_the_doctor_without_an_engine(tmp_path: Path) -> None:
    done = tracewhale("doctor", DOCKER_HOST=f"unix://{tmp_path}/none")
    assert done.returncode == 0
    assert b"auto      no probe" in done.stdout
    assert b"sandbox   works" in done.stdout


def test_a_watched_container_tells_what_it_lacks(
    docker_client: DockerClient, image: Image, new_tag: Callable[[], str], tmp_path: Path
) -> None:
    tag, trace = new_tag(), tmp_path / "trace"
    slim = docker_client.containers.run(
        image("curl"), ["sh", "-c", "rm /etc/issue"], entrypoint="", detach=True
    )
    slim.wait()
    slim.commit(*tag.split(":"))
    slim.remove()
    loop = "while :; do cat /etc/issue /none; sleep 0.2; done 2>/dev/null"
    running = docker_client.containers.run(tag, ["sh", "-c", loop], entrypoint="", detach=True)
    try:
        words = (str(running.id), "--original", image("curl"), "--for", "2", "-o", str(trace), "--json")
        done = tracewhale("watch", *words)
        assert done.returncode == 1, done.stderr
        (told,) = map(json.loads, done.stdout.splitlines())
        assert told == {"path": "/etc/issue", "access": "read", "program": "/usr/bin/cat"}
        kept = tracewhale("plan", str(trace))
        assert b"/etc/issue" in kept.stdout
    finally:
        running.remove(force=True)
