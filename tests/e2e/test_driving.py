"""A server driven over HTTP with no script: requests, a crawl, and what the new image answers."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.test_interrupts import start
from tests.e2e.tool import refusal, report
from tracewhale.errors import ExitCode
from tracewhale.tracing import tracefile

NewTag = Callable[[], str]
Image = Callable[[str], str]

PAGE = "/var/www/html/index.nginx-debian.html"


@pytest.mark.usefixtures("leaves_nothing")
def test_requests_are_answered_alike(image: Image, new_tag: NewTag, tmp_path: Path) -> None:
    requests = tmp_path / "shop.http"
    requests.write_text("# @status 404\nGET http://localhost/none\n###\nHEAD /\n")
    file = str(tmp_path / "a.trace")
    found = report(
        *("run", "-t", new_tag(), "--trace-out", file, "--wait-for", "/", "--http", "/"),
        *("--http-file", str(requests), "--crawl", image("nginx")),
    )
    answers = found["verification"]["answers"]
    assert (answers["total"], answers["alike"], answers["differences"]) == (3, 3, [])
    kinds = [(step["kind"], step["requests"]) for step in found["trace"]["steps"]]
    assert kinds == [("wait", 0), ("http", 1), ("http", 2), ("crawl", 0)]
    assert [each.answer.status for each in tracefile.read(file).exchanges if each.answer] == [200, 404, 200]


@pytest.mark.usefixtures("leaves_nothing")
def test_a_page_that_the_new_image_lacks(image: Image, new_tag: NewTag) -> None:
    words = ("--exclude", PAGE, "--http", "/", "-t", new_tag(), image("nginx"))
    status, told = refusal("run", *words)
    assert status == ExitCode.VERIFICATION
    assert "1 of 1 requests are answered otherwise, the first GET /: status 200, then " in told


@pytest.mark.usefixtures("leaves_nothing")
def test_a_target_that_is_not_ready(image: Image) -> None:
    waiting = ("--wait-timeout", "1", "--wait-for", "8081", "--http", "/", image("nginx"))
    status, told = refusal("run", *waiting)
    assert status == ExitCode.WORKLOAD
    assert "not ready after 1 s of waiting for port 8081: it listens on port 80" in told


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize(
    ("stage", "number", "times"),
    [("waiting for port 8081", signal.SIGINT, 2), ("running the new image", signal.SIGTERM, 1)],
)
def test_a_driven_run_is_interrupted(image: Image, stage: str, number: signal.Signals, times: int) -> None:
    waiting = ("--wait-for", "8081") if times == 2 else ()
    process = start(
        "run", "-t", "twtest-made/never", "--keep", "touched", *waiting, "--http", "/", image("nginx")
    )
    assert process.stderr is not None
    while stage.encode() not in (line := process.stderr.readline()):
        assert line, process.poll()
    process.send_signal(number)
    if times == 2:
        while b"Ctrl-C again gives up" not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(number)
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, b"Traceback" in errors) == (128 + number, False), errors
