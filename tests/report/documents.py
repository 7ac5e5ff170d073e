"""Reports of images with hostile names, and of very many paths."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from tests.sample_images import plan_sample
from tracewhale.driving.compare_answers import AnswerDifference, Answers
from tracewhale.report.json import to_json
from tracewhale.report.model import BuiltImage, LockEntry, Report
from tracewhale.report.removed import Removed, places, survey
from tracewhale.tracing.events import Event, Moment, Outcome, Step, Trace
from tracewhale.tracing.exchanges import Answer, Exchange, HttpRequest
from tracewhale.verification import Comparison, Output, Verification

EVIL = "</script><script>window.hit=1</script><img src=x onerror=window.hit=1>"
"""Names that would run a script in some place of a page."""


MOMENTS = {
    Event("/opt/app/main", "exec", "/x", True): Moment(1, 0.0),
    Event("/lib/libc.so.6", "read", "/x", True, real="/usr/lib/libc.so.6"): Moment(3, 0.125),
    Event("/usr/lib/libb.so.1", "map", "/x", True): Moment(2, 0.125),
    Event("/usr/lib/libb.so.1", "read", "/x", True): Moment(4, 0.25),
    Event("/usr/bin/tool", "stat", "/x", True): Moment(5, 0.5),
    Event("/none", "read", "/x", False): Moment(6, 0.5),
}


def report() -> Report:
    """A whole run: verified, with requests of which one is answered otherwise, and removed files."""
    made, plan = plan_sample()
    exchanges = (
        Exchange(HttpRequest("GET", "/"), Answer(200, "text/html", size=12)),
        Exchange(HttpRequest("GET", "/other"), Answer(404, "text/plain", size=3)),
    )
    steps = (Step("http", "/", exchanges=exchanges, growth=(3, 5, 5, 5)),)
    answers = Answers(2, 1, 0, (AnswerDifference("GET /other", "status 404 and 500"),))
    comparison = Comparison((), (0, 0), Output.NOT_COMPARED, answers=answers)
    return Report(
        "run",
        "big:1",
        "sha256:1",
        plan=plan,
        trace=Trace(
            "big:1",
            "sha256:1",
            "seccomp",
            {},
            frozenset(MOMENTS),
            outcome=Outcome(0, stopped=True),
            steps=steps,
            moments=MOMENTS,
        ),
        built=BuiltImage("slim:1", "sha256:2", 10_000_000, 100_000_000, start=("docker", "run", "slim:1")),
        verification=Verification(1, (), comparison, 1, steps),
        seconds=(("trace", 1.0),),
        removed=survey(made.view, plan),
        accepted=LockEntry(9_000_000, ("/opt/app/new",), ("/opt/app/old",)),
    )


def hostile() -> dict[str, Any]:
    """A report in which every text that an image, a trace or a stranger can choose is an attack."""
    value = to_json(replace(report(), notes=(EVIL,)))

    def poison(each: Any) -> Any:
        if isinstance(each, dict):
            return {key: poison(inner) for key, inner in each.items()}
        if isinstance(each, list):
            return [poison(inner) for inner in each]
        if isinstance(each, str) and each.startswith("/") and each != "/":
            return f"{each}{EVIL}"
        return each

    poisoned: dict[str, Any] = poison(value)
    poisoned["target"] = poisoned["image"] = poisoned["built"]["name"] = EVIL
    poisoned["tool"]["version"] = f'1"{EVIL}'
    for package in poisoned["plan"]["packages"]["left_out"]:
        package["id"] = f"deb:{EVIL}@{EVIL}"
    return poisoned


def large(paths: int = 5000) -> dict[str, Any]:
    """A report of so many paths, with names of two words, and reasons that differ from path to path."""
    value = to_json(report())
    chance = random.Random(1)
    stems = [
        "".join(chance.choice("bdfgklmnprst") + chance.choice("aeiou") for _ in range(3)) for _ in range(600)
    ]
    words = [f"{chance.choice(stems)}_{chance.choice(stems)}" for _ in range(paths)]
    directories = [f"/usr/lib/python3/dist-packages/{words[n]}/{words[n + 1]}" for n in range(300)]
    value["plan"]["files"] += [
        {
            "path": path,
            "kind": "directory",
            "size": 0,
            "mode": 0o755,
            "uid": 0,
            "gid": 0,
            "generated": False,
            "packages": [],
            "reasons": [{"why": "parent", "by": f"{path}/{words[0]}.py", "detail": ""}],
        }
        for path in directories
    ]
    for number in range(paths - 300):
        path = f"{directories[number % 300]}/{words[number]}.py"
        names = f"import {words[number]}"
        other = f"{directories[chance.randrange(300)]}/{words[chance.randrange(paths)]}.py"
        value["plan"]["files"].append(
            {
                "path": path,
                "kind": "file",
                "size": chance.randrange(200_000),
                "mode": 0o644,
                "uid": 0,
                "gid": 0,
                "generated": False,
                "packages": [f"deb:python3-{words[number % 300]}@1.{number % 300}-2"],
                "reasons": [
                    {
                        "why": "imported",
                        "by": other,
                        "detail": names,
                    },
                    {"why": "access", "by": "/usr/bin/python3.11", "detail": "read"},
                    {"why": "access", "by": "/usr/bin/python3.11", "detail": "stat"},
                ],
            }
        )
    gone = {
        f"/usr/share/{words[n]}/{words[n + 1]}/{words[n + 2]}": int(1000 * chance.paretovariate(0.8))
        for n in range(4000)
    }
    removed = Removed(len(gone), sum(gone.values()), places(gone))
    value["removed"]["places"] = to_json(replace(report(), removed=removed))["removed"]["places"]
    return value
