"""What tracing costs a program: each command untraced, under our probe and under strace, in one session.

    python benchmarks/probes.py [--runs N] [COMMAND-NAME...]

Prints a table of ratios to the untraced run: medians of N runs of each, taken in turns, so that a noisy
machine is noisy for all of them. Times are taken inside the container, around the command alone. Needs a
Docker engine, and `wrk` for the web server. The image is made from twtest/base (python -m tests.images).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
UNTRACED, OURS = "untraced", "tracewhale"


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
    options = ("--rm", "--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined")
    return output("docker", "run", *options, IMAGE, *words)


def tracewhale(*words: str) -> str:
    with tempfile.TemporaryDirectory() as directory:
        where = f"{directory}/trace"
        return output(sys.executable, "-m", "tracewhale", "trace", "-o", where, IMAGE, *words)


def seconds(printed: str) -> float:
    found = re.search(r"SECONDS ([\d.]+)", printed)
    if found is None:
        raise SystemExit(f"no time in what was printed:\n{printed}")
    return float(found[1])


def command_times(command: str) -> dict[str, Callable[[], float]]:
    """How to measure a command's seconds under each mechanism."""
    strace = "strace {} -o /dev/null bash -c {}"

    def under(options: str) -> Callable[[], float]:
        words = strace.format(options, "'" + command.replace("'", "'\\''") + "'")
        return lambda: seconds(docker_run("bash", "-c", timed(words)))

    return {
        UNTRACED: lambda: seconds(docker_run("bash", "-c", timed(command))),
        OURS: lambda: seconds(tracewhale("--", "bash", "-c", timed(command))),
        **{name: under(options) for name, options in STRACE.items()},
    }


def served(printed: str) -> float:
    """Seconds for one request, from what wrk printed."""
    found = re.search(r"Requests/sec:\s+([\d.]+)", printed)
    if found is None:
        raise SystemExit(f"no rate in what was printed:\n{printed}")
    return 1 / float(found[1])


def nginx_times() -> dict[str, Callable[[], float]]:
    """How to measure nginx's seconds a request under each mechanism."""
    wrk = "sleep 1; wrk -t1 -c8 -d4s http://{}/"
    serve = "nginx -g 'daemon off;'"

    def container(command: str) -> float:
        options = ("--cap-add", "SYS_PTRACE", "--security-opt", "seccomp=unconfined")
        name = output("docker", "run", "-d", *options, IMAGE, "bash", "-c", f"exec {command}").strip()
        try:
            address = output("docker", "inspect", "-f", "{{.NetworkSettings.IPAddress}}", name).strip()
            return served(output("sh", "-c", wrk.format(address)))
        finally:
            output("docker", "rm", "-f", name)

    workload = ("--workload", wrk.format("$TRACEWHALE_IP"))
    return {
        UNTRACED: lambda: container(serve),
        OURS: lambda: served(tracewhale(*workload, "--", "nginx", "-g", "daemon off;")),
        **{
            name: lambda options=options: container(f"strace {options} -o /dev/null {serve}")  # type: ignore[misc]
            for name, options in STRACE.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("names", nargs="*", choices=[*COMMANDS, "nginx", []])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "Dockerfile").write_text(DOCKERFILE)
        subprocess.run(
            ["docker", "build", "-q", "--network", "host", "-t", IMAGE, directory],
            check=True, timeout=900, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    names = given.names or [*COMMANDS, *(["nginx"] if shutil.which("wrk") else [])]
    mechanisms = (UNTRACED, OURS, *STRACE)
    print(f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, medians of {given.runs} runs in turns")
    print(f"{'':8}{UNTRACED:>14}" + "".join(f"{name:>22}" for name in mechanisms[1:]))
    for name in names:
        measure = nginx_times() if name == "nginx" else command_times(COMMANDS[name])
        taken: dict[str, list[float]] = {mechanism: [] for mechanism in mechanisms}
        for _ in range(given.runs):
            for mechanism in mechanisms:
                taken[mechanism].append(measure[mechanism]())
        medians = {mechanism: statistics.median(times) for mechanism, times in taken.items()}
        base = medians[UNTRACED]
        own = f"{1 / base:.0f}/s" if name == "nginx" else f"{base * 1000:.0f} ms"
        ratios = "".join(f"{medians[mechanism] / base:>21.2f}x" for mechanism in mechanisms[1:])
        print(f"{name:8}{own:>14}{ratios}", flush=True)


if __name__ == "__main__":
    main()
