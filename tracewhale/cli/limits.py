"""Options for continuous integration: limits of a new image, and cached traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from tracewhale.cli.declare import apply
from tracewhale.errors import TraceWhaleError, UsageError
from tracewhale.project.lock import Limits, LockedImage, parse_amount, read_lock, write_lock
from tracewhale.report import junit
from tracewhale.report.model import Report

limit_options = apply(
    click.option("--max-size", metavar="SIZE", help="Fail if the new image is larger, such as 50MB."),
    click.option(
        "--max-growth", metavar="SIZE|%", help="Fail if it has grown by more than this since the lock file."
    ),
    click.option("--fail-on-new", is_flag=True, help="Fail if it has paths that the lock file lacks."),
    click.option(
        "--lock", metavar="FILE", help="Compare the new image with FILE, and write its contents there."
    ),
    click.option("--junit", metavar="FILE", help="Write the results of verification as JUnit XML, for CI."),
    click.option(
        "--cache",
        metavar="DIR",
        help="Use a trace again if target, options, steps and version are the same.",
    ),
)


def limits(parameters: dict[str, Any]) -> Limits:
    """Return the limits in a verb's options. Raise UsageError."""
    lock = parameters["lock"]
    for option in ("max_growth", "fail_on_new"):
        if parameters[option] and not lock:
            name = f"--{option.replace('_', '-')}"
            raise UsageError(f"{name} compares with a lock file, and none is named.", "Add --lock FILE.")
    return Limits(
        size=parse_amount(parameters["max_size"]) if parameters["max_size"] else None,
        growth=parse_amount(parameters["max_growth"], percent=True) if parameters["max_growth"] else None,
        no_new_paths=parameters["fail_on_new"],
        lock=read_lock(lock) if lock else {},
    )


def accept(lock: str | None, report: Report) -> None:
    """Write the new image to the lock file, if there is one."""
    if lock and report.built is not None and report.plan is not None and report.error is None:
        built = report.built
        locked = LockedImage(report.image, built.image, built.size, tuple(report.plan.paths))
        write_lock(lock, built.name, locked)


@contextmanager
def junit_of_errors(path: str | None, target: str) -> Iterator[None]:
    """Write an error that ends the work to the JUnit file, too, unless it is a UsageError."""
    try:
        yield
    except UsageError:
        raise
    except TraceWhaleError as error:
        write_junit(path, Report("run", target, "", error=error))
        raise


def write_junit(path: str | None, report: Report) -> None:
    """Write a report as JUnit XML, if a file is given for it. Raise UsageError."""
    if not path:
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(junit.render(report))
    except OSError as error:
        raise UsageError(
            f"--junit {path} cannot be written: {error.strerror}.", "Name another place."
        ) from error
