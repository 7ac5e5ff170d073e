"""Classes that a JVM lists in a run of our own."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest

from tests.pipeline.fake import FakeTarget, result
from tracewhale.class_loading import with_loaded_classes
from tracewhale.context import Context
from tracewhale.errors import Interrupted
from tracewhale.image.recipe import PLAIN
from tracewhale.java.loaded import loaded_classes
from tracewhale.plan.model import Options
from tracewhale.rootfs.tree import View
from tracewhale.running.options import RunOptions
from tracewhale.running.run import Run, adding
from tracewhale.stages import Making
from tracewhale.tracing.events import Event

PRINTED = b"""Picked up JAVA_TOOL_OPTIONS: -Xlog:class+load:stderr
[0.010s][info][class,load] java.lang.Object source: shared objects file
ready
[0.350s][info][class,load] a.Text$Inner source: jrt:/java.base
[0.351s][info][class,load     ] other.Wide source: file:/app.jar
[0.352s][info][class,load] a.Main$$Lambda$1/0x00007f4b source: a.Main
[0.353s][info][class,load] java.lang.invoke.LambdaForm$MH/0x00007f4b source: __JVM_LookupDefineClass__
"""
LOADED = frozenset({"java/lang/Object", "a/Text$Inner", "other/Wide"})


def test_classes_of_a_listing() -> None:
    assert loaded_classes(PRINTED) == LOADED


@pytest.mark.parametrize(
    ("unit", "library", "loaded"),
    [("classes", "/jdk/lib/modules", LOADED), ("modules", "/jdk/lib/modules", None), ("classes", "/x", None)],
)
def test_a_jvm_lists_what_it_loads_if_less_than_a_module_may_go(
    unit: str, library: str, loaded: frozenset[str] | None
) -> None:
    """It is asked in one more run, whose output and end do not matter."""
    recorded = result().trace
    recorded = replace(recorded, events=frozenset({Event(library, "read", "/jdk/bin/java", True)}))
    listing = result(1, b"")
    outcome = listing.trace.outcome
    assert outcome is not None
    listing = replace(listing, trace=replace(listing.trace, outcome=replace(outcome, stderr=PRINTED)))
    target = FakeTarget([listing], [])
    making = Making(target, View(target.files.tree), Options(shrink={"java": unit}), PLAIN, Context())
    assert with_loaded_classes(making, recorded, ()).options.loaded == (loaded or frozenset())
    assert len(target.runs) == (loaded is not None)


def test_an_interrupt_of_the_listing_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = result().trace
    java = Event("/jdk/lib/modules", "read", "/jdk/bin/java", True)
    recorded = replace(recorded, events=frozenset({java}))
    target = FakeTarget([], [])

    def interrupted(*_: object) -> NoReturn:
        raise Interrupted("Interrupted.")

    monkeypatch.setattr(FakeTarget, "trace", interrupted)
    making = Making(target, View(target.files.tree), Options(shrink={"java": "classes"}), PLAIN, Context())
    with pytest.raises(Interrupted):
        with_loaded_classes(making, recorded, ())


@pytest.mark.parametrize(
    ("image", "options", "expected"),
    [((), (), "-X"), (("A=-a",), (), "-a -X"), (("A=-a",), ("A=-b",), "-b -X"), (("A=-a",), ("A",), "-X")],
)
def test_words_are_added_to_the_effective_variable(
    image: tuple[str, ...], options: tuple[str, ...], expected: str
) -> None:
    run = Run("t", "i", {"Env": image}, options=RunOptions(env=options))
    assert adding(run, "A", "-X").options.env[-1] == f"A={expected}"
