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
    click.option("--service", metavar="NAME", default="", help="The service of --compose to trace."),
)


class TargetArgument(click.Argument):
    """A TARGET that may be omitted if --compose names the traced service."""

    def value_is_missing(self, value: Any) -> bool:
        """Return whether the user must give a target."""
        context = click.get_current_context(silent=True)
        composed = context is not None and (context.obj or {}).get("composed")
        return not composed and super().value_is_missing(value)


def check_target(target: str | None, parameters: dict[str, Any]) -> str:
    """Return the target's name, empty for a service. Raise UsageError if the options contradict it."""
    if bool(parameters["compose"]) != bool(parameters["service"]):
        raise UsageError("--compose FILE and --service NAME belong together.", "Give both.")
    if parameters["compose"] and target:
        raise UsageError(
            f"The target {target} and --compose contradict each other.",
            "Leave TARGET out: the service has an image.",
        )
    if parameters["compose"] and parameters.get("cache"):
        raise UsageError(
            "--cache cannot know the state of the other services of --compose.", "Leave one of them out."
        )
    return target or ""


@contextmanager
def composed(job: Job, parameters: dict[str, Any], context: Context) -> Iterator[Job]:
    """Yield the job of the service, with its project beside each run; any other job is yielded unchanged."""
    if not parameters["compose"]:
        yield job
        return
    seconds = parameters["wait_timeout"] or 0.0
    with open_project(parameters["compose"], parameters["service"], context.progress, seconds) as project:
        driven = job.steps
        if not parameters["step"]:
            place = f"{parameters['compose'][0]}: services.{parameters['service']}.x-tracewhale.steps"
            words = order_steps(list(step_words(place, steps_of(project.composition), frozenset(STEPS))))
            driven = (*driven, *steps({**parameters, "step": words[1::2], "wait_timeout": 0.0}))
        request = project.request(job.request)
        context.surroundings = project.running
        yield replace(job, name=project.composition.image, request=request, steps=driven)
