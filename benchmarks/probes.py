"""Measure what tracing costs a program: each command untraced, under our probe, under strace.

    python benchmarks/probes.py [--runs N] [--probe NAME]... [--json] [COMMAND-NAME...]

Prints a table of ratios to the untraced run: medians of N runs of each (and, in brackets, the best of each),
taken in turns after one that is not counted, so that a noisy machine is noisy for all of them and its caches
are warm for all. Times are
taken inside the container, around the command alone; all containers have the engine's default profile.
Needs a Docker engine, and `wrk` for the web server. The image is made from twtest/base (python -m
tests.images).
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

IMAGE = "twtest/bench"
DOCKERFILE = """
FROM twtest/base
RUN mkdir -p /usr/share/man/man1 && apt-get -o Acquire::Retries=5 update \\
    && apt-get install -y --no-install-recommends openjdk-17-jre-headless python3-flask python3-sqlalchemy \\
        ruby-sinatra nginx-light strace && rm -rf /var/lib/apt/lists/*
"""
COMMANDS = {
    "java": "java -version",
    "python": "python3 -c 'import flask, sqlalchemy'",
    "ruby": "ruby -e 'require \"sinatra/base\"'",
    "find": "find / -xdev -newer /etc/passwd",
    "forks": "for i in $(seq 300); do /bin/true; done",
}
SECONDS = 300
STRACE = {"strace --seccomp-bpf": "-f --seccomp-bpf -e trace=%file,getdents64", "strace -f": "-f"}
UNTRACED = "untraced"


def output(*words: str) -> str:
    """Run a command to its end; what it prints, errors included."""
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=True
    )
    return done.stdout


def timed(command: str) -> str:
    """A shell's text that runs a command with its output thrown away, and prints the seconds it took."""
    quiet = f"{{ {command} ; }} >/dev/null 2>&1"
    return f'TIMEFORMAT="SECONDS %R"; time {quiet}'


def docker_run(*words: str) -> str:
    return output("docker", "run", "--rm", "--cap-add", "SYS_PTRACE", IMAGE, *words)


def tracewhale(probe: str, *words: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        where = f"{directory}/trace"
        command = (sys.executable, "-m", "tracewhale", "trace", "--probe", probe, "-o", where)
        return output(*command, IMAGE, *words)


def seconds(printed: str) -> float:
    found = re.search(r"SECONDS ([\d.]+)", printed)
    if found is None:
        raise SystemExit(f"no time in what was printed:\n{printed}")
    return float(found[1])


def command_times(command: str, probes: Sequence[str]) -> dict[str, Callable[[], float]]:
    """How to measure a command's seconds under each mechanism."""
    strace = "strace {} -o /dev/null bash -c {}"

    def under(options: str) -> Callable[[], float]:
        words = strace.format(options, "'" + command.replace("'", "'\\''") + "'")
        return lambda: seconds(docker_run("bash", "-c", timed(words)))

    return {
        UNTRACED: lambda: seconds(docker_run("bash", "-c", timed(command))),
        **{
            probe: lambda probe=probe: seconds(tracewhale(probe, "--", "bash", "-c", timed(command)))  # type: ignore[misc]
            for probe in probes
        },
        **{name: under(options) for name, options in STRACE.items()},
    }


def served(printed: str) -> float:
    """Seconds for one request, from what wrk printed."""
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if found is None:
        raise SystemExit(f"no rate in what was printed:\n{printed}")
    return 1 / float(found[1])


def nginx_times(probes: Sequence[str]) -> dict[str, Callable[[], float]]:
    """How to measure nginx's seconds a request under each mechanism."""
    wrk = "sleep 1; wrk -t1 -c8 -d4s http://{}/"
    serve = "nginx -g 'daemon off;'"

    def container(command: str) -> float:
        options = ("-d", "--cap-add", "SYS_PTRACE")
        name = output("docker", "run", *options, IMAGE, "bash", "-c", f"exec {command}").strip()
        try:
            address = output("docker", "inspect", "-f", "{{.NetworkSettings.IPAddress}}", name).strip()
            return served(output("sh", "-c", wrk.format(address)))
        finally:
            output("docker", "rm", "-f", name)

    workload = ("--workload", wrk.format("$TRACEWHALE_IP"))
    return {
        UNTRACED: lambda: container(serve),
        **{
            probe: lambda probe=probe: served(  # type: ignore[misc]
                tracewhale(probe, *workload, "--", "nginx", "-g", "daemon off;")
            )
            for probe in probes
        },
        **{
            name: lambda options=options: container(f"strace {options} -o /dev/null {serve}")  # type: ignore[misc]
            for name, options in STRACE.items()
        },
    }


def measured(measure: Mapping[str, Callable[[], float]], runs: int) -> dict[str, tuple[float, float, float]]:
    """Lowest, median and highest of each mechanism. Every other round goes the other way round."""
    taken: dict[str, list[float]] = {mechanism: [] for mechanism in measure}
    for turn in range(runs + 1):
        for mechanism in list(measure) if turn % 2 else reversed(measure):
            value = measure[mechanism]()
            if turn:
                taken[mechanism].append(value)
    return {name: (min(times), statistics.median(times), max(times)) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--probe", action="append", choices=["seccomp", "ebpf", "ptrace", "strace", "fanotify"]
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("names", nargs="*", choices=[*COMMANDS, "nginx", []])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "Dockerfile").write_text(DOCKERFILE)
        subprocess.run(
            ["docker", "build", "-q", "--network", "host", "-t", IMAGE, directory],
            check=True, timeout=900, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    probes = given.probe or ["seccomp"]
    mechanisms = (UNTRACED, *(f"--probe {probe}" for probe in probes), *STRACE)
    if not given.json:
        print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, medians of {given.runs} runs in turns")
        print(f"{'':8}{UNTRACED:>14}" + "".join(f"{name:>22}" for name in mechanisms[1:]))
    found = {}
    for name in given.names or [*COMMANDS, *(["nginx"] if shutil.which("wrk") else [])]:
        measure = nginx_times(probes) if name == "nginx" else command_times(COMMANDS[name], probes)
        load = os.getloadavg()[0]
        times = measured(measure, given.runs)
        base = times[UNTRACED][1]
        found[name] = {"load": load, "seconds": times, "ratios": {k: v[1] / base for k, v in times.items()}}
        if not given.json:
            own = f"{1 / base:.0f}/s" if name == "nginx" else f"{base * 1000:.0f} ms"
            best = times[UNTRACED][0]
            pairs = [f"{each[1] / base:.2f}x ({each[0] / best:.2f}x)" for each in list(times.values())[1:]]
            ratios = "".join(f"{pair:>22}" for pair in pairs)
            print(f"{name:8}{own:>14}{ratios}   load {load:.1f}", flush=True)
    if given.json:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
