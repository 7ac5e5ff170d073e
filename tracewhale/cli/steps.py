"""Options that drive a target. They run in the order in which they are on the command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from tracewhale.cli.declare import apply, many
from tracewhale.driving import har, httpfile, request_line
from tracewhale.driving.openapi import DEFAULT_MOST, check_installed, requests_of
from tracewhale.driving.waits import DEFAULT_SECONDS, parse_wait
from tracewhale.errors import UsageError
from tracewhale.tracing.events import Step
from tracewhale.tracing.exchanges import Exchange, HttpRequest

STEPS = ("workload", "exec", "for", "until-idle", "http", "http-file", "crawl", "openapi", "wait-for")
OPTIONAL = ("crawl",)
"""Options whose value is optional, and follows ``=``."""

step_options = apply(
    many("--workload", metavar="CMD", help="Run CMD on the host, by the shell, while the target runs."),
    many("--exec", "exec_", metavar="CMD", help="Run CMD inside the container, traced too."),
    many("--for", "for_", metavar="SECONDS", help="Let the target run for SECONDS."),
    many(
        "--until-idle", metavar="SECONDS", help="Let it run until it has requested nothing new for SECONDS."
    ),
    many(
        "--http",
        metavar="REQUEST",
        help="Send '[METHOD] PATH|URL [=STATUS] [BODY|@FILE]', or curl's -H -d -F -u in place of BODY.",
    ),
    many("--http-file", metavar="FILE", help="Send the requests of a .http or .rest file, or of a HAR."),
    many("--crawl", metavar="[=DEPTH]", help="Follow links and assets of the pages seen, or of / [=3]."),
    many(
        "--openapi",
        metavar="FILE|PATH",
        help="Send the requests of an OpenAPI document: a file, or the target's own, such as /openapi.json.",
    ),
    click.option(
        "--openapi-max",
        type=click.IntRange(1, 10000),
        default=DEFAULT_MOST,
        show_default=True,
        metavar="N",
        help="Send at most N requests of each OpenAPI document.",
    ),
    many(
        "--wait-for",
        metavar="WHAT",
        help="Wait for PORT, URL, log:REGEX, cmd:CMD or exec:CMD [the health check, else a port].",
    ),
    click.option(
        "--wait-timeout",
        type=click.FloatRange(0, 1e6, min_open=True),
        metavar="SECONDS",
        help=f"Seconds in which the target must be ready [{DEFAULT_SECONDS:g}].",
    ),
    many("--step", hidden=True),
)


def order_steps(args: list[str]) -> list[str]:
    """Turn ``--workload X --exec Y`` into one option, because click keeps the order of one option only."""
    result: list[str] = []
    waiting = iter(args)
    for arg in waiting:
        name, equals, value = arg.removeprefix("--").partition("=")
        if arg.startswith("--") and name in STEPS:
            given = value if equals or name in OPTIONAL else next(waiting, None)
            if given is None:
                raise click.UsageError(f"Option '--{name}' requires an argument.")
            result += ["--step", f"{name}={given}"]
        else:
            result.append(arg)
    return result


def steps(parameters: dict[str, Any]) -> tuple[Step, ...]:
    """Return the steps in a verb's options, in order. Raise UsageError."""
    seconds = parameters["wait_timeout"] or 0.0
    taken = tuple(_step(text, seconds, parameters["openapi_max"]) for text in parameters["step"])
    return (Step("wait", "", seconds=seconds), *taken) if seconds else taken


def _step(text: str, seconds: float, most: int) -> Step:
    kind, _, argument = text.partition("=")
    if kind not in ("crawl", "for") and not argument.strip():
        raise UsageError(f"--{kind} is empty.", "Give it a value, or leave it out.")
    try:
        match kind:
            case "for" | "until-idle":
                if not 0 <= _number(argument) < 1e9:
                    raise ValueError("it is not a number of seconds, such as 10")
            case "http":
                request = request_line.parse(argument, _read)
                return Step("http", argument, exchanges=(Exchange(request),))
            case "http-file":
                return Step("http", argument, exchanges=tuple(map(Exchange, _requests(argument))))
            case "openapi":
                return _openapi_step(argument, most)
            case "wait-for":
                parse_wait(argument)
                return Step("wait", argument, seconds=seconds)
            case "crawl":
                if argument and not argument.isdecimal():
                    raise ValueError("it is not a number of links, such as 3")
    except ValueError as error:
        raise UsageError(f"--{kind} {argument} is not valid: {error}.") from error
    except OSError as error:
        what = f"--{kind} {argument}: {error.filename} cannot be read: {error.strerror}."
        raise UsageError(what, "Name a file that exists.") from error
    return Step(kind, argument)


def _openapi_step(argument: str, most: int) -> Step:
    """Return the step of an OpenAPI document: a file is read now, the target's own document when the step
    runs."""
    check_installed()
    if os.path.isfile(argument):
        planned = requests_of(_read(argument), most)
        return Step("openapi", argument, exchanges=tuple(map(Exchange, planned)))
    request_line.place_of(argument)
    return Step("openapi", f"{most} {argument}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def _requests(name: str) -> Sequence[HttpRequest]:
    text = _read(name).decode("utf-8-sig", "surrogateescape")
    if name.endswith(".har") or text.lstrip().startswith("{"):
        requests: Sequence[HttpRequest] = har.parse_har(text)
    else:
        beside: Callable[[str], bytes] = partial(_read_in, os.path.dirname(name))
        requests = httpfile.parse_file(text, beside)
    if not requests:
        raise ValueError("it has no request")
    return requests


def _read(name: str) -> bytes:
    with open(0 if name == "-" else name, "rb") as file:
        return file.read()


def _read_in(directory: str, name: str) -> bytes:
    return _read(os.path.join(directory, name))
