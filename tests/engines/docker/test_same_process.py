"""A traced process is what it is untraced: everything of /proc/1 that the kernel tells, but the filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from tests.engines.docker.conftest import Runner
from tracewhale.engines.docker.container_spec import untraced_spec
from tracewhale.engines.docker.containers import archive, token
from tracewhale.engines.docker.engine import inspect_image
from tracewhale.running.options import parse_options
from tracewhale.running.run import Run
from tracewhale.tracing.events import Step

PROFILE = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["symlinkat"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
    ],
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "user by name": {"user": "games"},
    "user and group": {"user": "1234:56"},
    "user without an entry": {"user": "4242"},
    "user with groups": {"user": "_whale"},
    "capability added": {"cap_add": ["NET_ADMIN"]},
    "capability added to a user": {"cap_add": ["NET_ADMIN", "SYS_PTRACE"], "user": "games"},
    "capability dropped": {"cap_drop": ["CHOWN", "SETPCAP"]},
    "all dropped": {"cap_drop": ["ALL"]},
    "all but one dropped": {"cap_drop": ["ALL"], "cap_add": ["CHOWN"]},
    "all dropped for a user": {"cap_drop": ["ALL"], "user": "games"},
    "no new privileges": {"security_opt": ["no-new-privileges"]},
    "no new privileges for a user": {"security_opt": ["no-new-privileges"], "user": "games"},
    "no seccomp": {"security_opt": ["seccomp=unconfined"]},
    "own seccomp profile": {"security_opt": ["seccomp=PROFILE"]},
    "read-only": {"read_only": True, "user": "games"},
    "init": {"init": True},
    "init for a user": {"init": True, "user": "games", "cap_drop": ["KILL"]},
    "init and read-only": {"init": True, "read_only": True},
    "limits": {"ulimit": ["nofile=100:200"], "shm_size": "1m"},
    "home": {"env": ["HOME=/elsewhere"], "user": "games"},
    "empty home": {"env": ["HOME="], "user": "games"},
    "working directory": {"workdir": "/new/directory", "user": "games"},
    "host name": {"hostname": "whale"},
    "terminal": {"tty": True},
    "terminal for a user": {"tty": True, "user": "games"},
    "no network": {"network": "none"},
    "host network": {"network": "host"},
    "tmpfs": {"tmpfs": ["/t:size=1m"]},
}

# Each line is one fact. What differs between any two containers, and how much memory and time was used, is
# left out. Process 1 is read with what the shell has built in, so that it is not seen while it forks. The
# calls at the end are some that capabilities and seccomp profiles allow or refuse.
SCRIPT = r"""
for pid in 1 self; do
    while IFS= read -r line; do
        case $line in
        Umask*|Tracer*|[UG]id*|Groups*|Sig[PBIC]*|Shd*|Cap*|NoNew*|Seccomp:*|Spec*|Cpus*|Thr*) echo "$line"
        esac
    done < /proc/$pid/status
    cat /proc/$pid/limits /proc/$pid/oom_score_adj /proc/$pid/timerslack_ns /proc/$pid/personality 2>&1
    readlink /proc/$pid/cwd /proc/$pid/root
    for fd in 0 1 2; do readlink /proc/$pid/fd/$fd | sed 's/[0-9]*//g'; done
done
tr '\0' '\n' < /proc/1/environ | grep -v ^HOSTNAME=
tr '\0' '\n' < /proc/self/environ | grep -v ^HOSTNAME=
echo "cwd $PWD home $HOME tty $(tty)"
id
stat -Lc "%u %g %a %F" /proc/self/fd/1 /proc/self/fd/2 /dev/pts/0 2>/dev/null
echo out >/dev/stdout; echo err >/dev/stderr
cd /tmp; mkdir made 2>&1; ln -s a link 2>&1; mknod null c 1 3 2>&1; chown 1 /tmp 2>&1
unshare -m true 2>&1; mount -t tmpfs x /mnt 2>&1; chroot / true 2>&1; nice -n -1 true 2>&1
mount | grep -v -e tracewhale -e overlay -e "^/dev/" | sort
"""


@pytest.fixture(scope="module")
def whale(docker_client: DockerClient, image: Any) -> Any:
    """An image with a user that has supplementary groups, removed at the end."""
    base = docker_client.containers.create(image("base"), ["true"])
    tag = f"twtest-made/{token()}"
    try:
        passwd = b"root:x:0:0::/root:\ngames:x:5:60::/usr/games:\n_whale:x:77:78::/home/w:\n"
        group = b"root:x:0:\ngames:x:60:\npod:x:90:_whale\nschool:x:91:games,_whale\n"
        base.put_archive("/", archive({"etc/passwd": (passwd, 0o644), "etc/group": (group, 0o644)}))
        made = base.commit(tag)
        yield made.id
        docker_client.images.remove(str(made.id), force=True)
    finally:
        base.remove(v=True)


def plain_output(docker_client: DockerClient, run: Run) -> str:
    """Return what an untraced container of the run prints: the streams in their order of files."""
    payload = untraced_spec(run)
    body = payload.body()
    body["HostConfig"] = {**body["HostConfig"], "LogConfig": {"Type": "json-file"}}
    api: Any = docker_client.api
    identifier = api.create_container_from_config(body)["Id"]
    try:
        api.start(identifier)
        api.wait(identifier, timeout=60)
        return "".join(
            api.logs(identifier, stdout=out, stderr=not out).decode(errors="replace") for out in (True, False)
        )
    finally:
        api.remove_container(identifier, force=True, v=True)


@pytest.mark.parametrize("name", OPTIONS)
def test_nothing_differs(
    name: str, runner: Runner, docker_client: DockerClient, whale: str, tmp_path: Path
) -> None:
    options = dict(OPTIONS[name])
    if "seccomp=PROFILE" in options.get("security_opt", ()):
        profile = tmp_path / "profile.json"
        profile.write_text(json.dumps(PROFILE))
        options["security_opt"] = [f"seccomp={profile}"]
    parsed = parse_options(environ={}, **options)
    run = Run("whale", whale, inspect_image(runner.api, whale)["Config"], parsed, ("sh", "-c", SCRIPT))
    expected = plain_output(docker_client, run).splitlines()
    traced = runner(whale, "sh", "-c", SCRIPT, **options)
    assert traced.outcome is not None
    output = (traced.outcome.stdout + traced.outcome.stderr).decode(errors="replace")
    if options.get("security_opt") == ["seccomp=unconfined"]:  # one filter is more than none
        output = output.replace("Seccomp:\t2", "Seccomp:\t0")
    found = output.splitlines()
    if options.get("init"):
        # Docker's init blocks signals, and unblocks them while it waits for one (sigtimedwait(2)).
        for lines in (found, expected):
            lines.remove(next(line for line in lines if line.startswith("SigBlk:")))
    assert found == expected
    assert len(expected) > 60


@pytest.mark.parametrize("options", [{}, {"user": "games"}, {"read_only": True}])
def test_no_descriptor_is_inherited(options: dict[str, Any], runner: Runner, whale: str) -> None:
    runner(whale, "ls", "/proc/self/fd", **options)
    assert runner.stdout == b"0\n1\n2\n3\n"  # 3 is that of the listing itself


@pytest.mark.parametrize("options", [{}, {"user": "_whale", "cap_drop": ["CHOWN"]}, {"init": True}])
def test_an_exec_is_what_docker_exec_starts(
    options: dict[str, Any], runner: Runner, docker_client: DockerClient, whale: str
) -> None:
    script = "grep -E '^(Uid|Gid|Groups|Cap|NoNew|Seccomp:)' /proc/self/status; env; pwd; id"
    parsed = parse_options(environ={}, workdir="/usr", **options)
    run = Run("whale", whale, inspect_image(runner.api, whale)["Config"], parsed, ("sleep", "60"))
    api: Any = docker_client.api
    identifier = api.create_container_from_config(untraced_spec(run).body())["Id"]
    try:
        api.start(identifier)
        made = api.exec_create(identifier, ["sh", "-c", script])
        expected = api.exec_start(made["Id"]).decode()
    finally:
        api.remove_container(identifier, force=True, v=True)
    step = Step("exec", f'sh -c "{script}"')
    runner(whale, "sleep", "60", steps=[step], workdir="/usr", config={"StopSignal": "SIGKILL"}, **options)

    def without_hostname(text: str) -> list[str]:
        return sorted(line for line in text.splitlines() if not line.startswith("HOSTNAME="))

    assert without_hostname(runner.stdout.decode()) == without_hostname(expected)
