"""``--compose FILE --service NAME``: a service of a Compose project as the target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click

from tracewhale.cli.declare import apply, many
from tracewhale.cli.steps import STEPS, order_steps, steps
from tracewhale.context import Context
from tracewhale.engines.docker.compose import open_project
from tracewhale.errors import UsageError
from tracewhale.pipeline import Job
from tracewhale.project.file import step_words
from tracewhale.running.compose import steps_of

COMPOSE = "--compose"

compose_options = apply(
    many(COMPOSE, metavar="FILE", help="Trace a service of this Compose file, with the others beside it."),
    click.option("--service", metavar="NAME", default="", help="Which service of --compose."),
)


class Target(click.Argument):
    """A TARGET that may be left out where --compose says what is traced."""

    def value_is_missing(self, value: Any) -> bool:
        """Return whether the user has to say more."""
        context = click.get_current_context(silent=True)
        composed = context is not None and (context.obj or {}).get("composed")
        return not composed and super().value_is_missing(value)


def check_target(target: str | None, given: dict[str, Any]) -> str:
    """Return the target's name, empty for a service. Raises UsageError where the options contradict it."""
    if bool(given["compose"]) != bool(given["service"]):
        raise UsageError("--compose FILE and --service NAME belong together.", "Give both.")
    if given["compose"] and target:
        raise UsageError(
            f"The target {target} and --compose contradict each other.",
            "Leave TARGET out: its image is the service's.",
        )
    if given["compose"] and given.get("cache"):
        raise UsageError(
            "--cache does not know what the other services of --compose hold.", "Leave one of them out."
        )
    return target or ""


@contextmanager
def composed(job: Job, given: dict[str, Any], context: Context) -> Iterator[Job]:
    """Yield the job of the service, whose project runs beside each run; any other job as it is."""
    if not given["compose"]:
        yield job
        return
    seconds = given["wait_timeout"] or 0.0
    with open_project(given["compose"], given["service"], context.progress, seconds) as project:
        driven = job.steps
        if not given["step"]:
            place = f"{given['compose'][0]}: services.{given['service']}.x-tracewhale.steps"
            words = order_steps(list(step_words(place, steps_of(project.found), frozenset(STEPS))))
            driven = (*driven, *steps({**given, "step": words[1::2], "wait_timeout": 0.0}))
        request = project.request(job.request)
        context.surroundings = project.running
        yield replace(job, name=project.found.image, request=request, steps=driven)
