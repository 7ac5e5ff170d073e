"""Steps that wait and send requests, against a server of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.running.nothing import Nothing
from tracewhale.driving.request_line import parse
from tracewhale.errors import UsageError, WorkloadFailed
from tracewhale.running import readiness
from tracewhale.running.console import Console
from tracewhale.running.service import HealthCheck, Service
from tracewhale.running.session import STDERR, STDOUT, TargetProcess
from tracewhale.running.steps import check_steps, drive
from tracewhale.tracing.events import Event, Moment, Step
from tracewhale.tracing.exchanges import Exchange

PAGES = {
    "/": '<a href="/a">a</a><img src="/i.png"><a href="http://elsewhere.example/">away</a>',
    "/a": '<a href="/b">b</a><a href="/">home</a><a href="/gone">gone</a>',
    "/b": '<a href="/c">c</a>',
    "/c": "the end",
    "/i.png": "picture",
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = PAGES.get(self.path, "no such page").encode()
        self.send_response(200 if self.path in PAGES else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def session(port: int) -> Nothing:
    made = Nothing(Console())
    made.ports = frozenset({port})
    return made


def http(text: str) -> Step:
    return Step("http", text, exchanges=(Exchange(parse(text, lambda name: b"")),))


def taken(session: Nothing, *steps: Step) -> list[Step]:
    return drive(session, Service(), check_steps(steps))[0]


def statuses(step: Step) -> list[tuple[str, int]]:
    return [(each.request.target, each.answer.status) for each in step.exchanges if each.answer]


def test_requests_are_recorded_with_their_answers(session: Nothing) -> None:
    first, second = taken(session, http("/a"), http("/none =404"))
    assert (statuses(first), statuses(second)) == ([("/a", 200)], [("/none", 404)])
    answer = first.exchanges[0].answer
    assert answer is not None
    assert (answer.body.decode(), answer.type) == (PAGES["/a"], "text/html")


def test_a_port_that_the_image_does_not_expose_serves_in_the_end(
    session: Nothing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image exposes one port, and its command was told to listen on another."""
    monkeypatch.setattr(readiness, "OTHER_PORT_SECONDS", 0.0)
    (step,), _ = drive(session, Service(ports=(1,)), check_steps([http("/a")]))
    assert statuses(step) == [("/a", 200)]


@pytest.mark.parametrize(("text", "words"), [("/none", "status 404"), ("/a =201", "status 200 and not 201")])
def test_a_refused_request_fails_the_run(session: Nothing, text: str, words: str) -> None:
    with pytest.raises(WorkloadFailed, match=words):
        taken(session, http(text))


def test_a_repeated_request_is_judged_later(session: Nothing, port: int) -> None:
    (recorded,) = taken(session, http("/a"))
    # In another run the page is not there, and the server is gone at last: both are answers to compare.
    removed = PAGES.pop("/a")
    try:
        (again,) = taken(session, recorded)
    finally:
        PAGES["/a"] = removed
    assert statuses(again) == [("/a", 404)]
    session.ports = frozenset({1})
    (dead,) = taken(session, recorded)
    assert dead.exchanges[0].answer is not None
    assert dead.exchanges[0].answer.error == "the connection was refused"


def test_a_crawl_follows_links_of_the_target(session: Nothing) -> None:
    (step,) = taken(session, Step("crawl", "2"))
    assert [target for target, _ in statuses(step)] == ["/", "/a", "/i.png", "/b", "/gone"]
    (deeper,) = taken(session, Step("crawl", ""))
    assert ("/c", 200) in statuses(deeper)


def test_a_crawl_starts_from_the_pages_that_were_seen(session: Nothing) -> None:
    _, step = taken(session, http("/b"), Step("crawl", "1"))
    assert statuses(step) == [("/c", 200)]


def test_a_repeated_crawl_sends_the_same_requests(session: Nothing) -> None:
    (step,) = taken(session, Step("crawl", "1"))
    PAGES["/"] += '<a href="/new">new</a>'
    try:
        (again,) = taken(session, step)
    finally:
        PAGES["/"] = PAGES["/"].replace('<a href="/new">new</a>', "")
    assert statuses(again) == statuses(step)


def test_output_is_awaited(session: Nothing) -> None:
    session.output(session.command, STDOUT, b"starting\nserver re")
    timer = threading.Timer(0.3, session.output, (session.command, STDOUT, b"ady in 3 s\n"))
    timer.start()
    assert taken(session, Step("wait", "log:^server ready", seconds=60), http("/"))
    timer.join()


def test_a_command_is_awaited(session: Nothing) -> None:
    assert taken(session, Step("wait", 'cmd:test "$TRACEWHALE_IP" = ""', seconds=60), http("/"))


def test_a_port_and_a_page_are_awaited(session: Nothing, port: int) -> None:
    assert taken(session, Step("wait", str(port)), Step("wait", "/a"), http("/"))


def test_waiting_too_long_says_what_is_there(session: Nothing, port: int) -> None:
    session.output(session.command, STDOUT, b"cannot find its files\n")
    with pytest.raises(WorkloadFailed) as caught:
        taken(session, Step("wait", "9", seconds=0.1), http("/"))
    assert f"0.1 s of waiting for port 9: it listens on port {port}." in caught.value.what
    assert "cannot find its files" in caught.value.what


def test_a_request_needs_a_port(session: Nothing) -> None:
    session.ports = frozenset()
    with pytest.raises(WorkloadFailed, match="it listens on no port"):
        taken(session, Step("wait", "", seconds=0.1), http("/"))


FIRST = Moment(1, 0.0)


def test_a_run_lasts_until_nothing_new_comes(session: Nothing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracewhale.running.idle.SLICE_SECONDS", 0.02)
    moments = session.collector.moments
    coming = [Event(f"/{number}", "read", "/a", True) for number in range(5)]
    monkeypatch.setattr(
        session, "synchronize", lambda: moments.setdefault(coming.pop(), FIRST) if coming else None
    )
    (step,) = taken(session, Step("until-idle", "0.1", seconds=60))
    assert step.growth[:5] == (1, 2, 3, 4, 5)
    assert set(step.growth[5:]) == {5}
    # Without an end it is ended.
    monkeypatch.setattr(
        session,
        "synchronize",
        lambda: moments.setdefault(Event(f"/{len(moments)}", "read", "/a", True), FIRST),
    )
    (step,) = taken(session, Step("until-idle", "5", seconds=0.2))
    assert step.growth[-1] > step.growth[0]


def test_steps_tell_how_much_was_known_behind_them(session: Nothing) -> None:
    first, second = taken(session, http("/a"), Step("workload", "true"))
    assert (first.growth, second.growth) == ((0,), (0,))


@pytest.mark.parametrize(
    "step",
    [
        Step("until-idle", "0"),
        Step("openapi", "x"),
        Step("openapi", "5 x"),
        Step("wait", "log:("),
        Step("crawl", "x"),
        Step("crawl", "1000"),
    ],
)
def test_a_step_of_a_trace_that_makes_no_sense(step: Step) -> None:
    with pytest.raises(UsageError):
        check_steps([step])


class Unready(Nothing):
    """A target whose health check fails at first, with many words."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.asked = 0

    def enter(self, argv: Sequence[str], *, seconds: float | None = None) -> tuple[TargetProcess, int]:
        process = self.entering()
        self.output(process, STDERR, b"not yet")
        self.asked += 1
        return process, int(argv == ("check",) and self.asked == 1)


def test_what_a_health_check_says_of_not_yet_is_not_shown(port: int) -> None:
    shown: list[bytes] = []
    session = Unready(Console(stderr=shown.append))
    session.ports = frozenset({port})
    check = HealthCheck(("check",), "check", 1.0, 1.0, 0.0, 3)
    taken, _ = drive(session, Service(check=check), check_steps([Step("exec", "say")]))
    assert ([step.kind for step in taken], session.asked, shown) == (["exec", "healthcheck"], 4, [b"not yet"])


def test_a_url_of_a_published_port_means_the_port_that_serves(session: Nothing) -> None:
    (step,) = taken(session, http("https://shop.test:1/a"))
    assert statuses(step) == [("/a", 200)]


def test_a_port_that_steps_name_is_not_the_one_that_serves(session: Nothing, port: int) -> None:
    session.ports = frozenset({1, port})
    (step,), _ = drive(session, Service(ports=(port,), step_ports=(1,)), [http("/a")])
    assert statuses(step) == [("/a", 200)]


def test_a_refused_request_says_where_only_the_target_can_ask(session: Nothing) -> None:
    session.ports, session.local = frozenset({1}), ("/run/app.sock",)
    with pytest.raises(WorkloadFailed, match="refused") as raised:
        taken(session, http("/"))
    assert "/run/app.sock" in raised.value.hint


@pytest.mark.parametrize(("addresses", "hinted"), [((), True), (("::1",), False)])
def test_a_refused_request_says_that_only_ipv6_is_listened_on(
    session: Nothing, addresses: tuple[str, ...], hinted: bool
) -> None:
    session.ports = session.ipv6 = frozenset({1})
    with pytest.raises(WorkloadFailed, match="refused") as raised:
        drive(session, Service(other_addresses=addresses), [http("/")])
    assert ("It listens on port 1 for IPv6 only" in raised.value.hint) is hinted


def test_a_refused_request_names_what_it_refers_to_in_vain(session: Nothing) -> None:
    with pytest.raises(WorkloadFailed, match="status 404") as raised:
        taken(session, http("/none/{{id}}"))
    assert raised.value.hint == "No answer so far has a field, a member or a cookie for {{id}}."
