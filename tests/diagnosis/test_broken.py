"""Every kind of broken image has its true cause first, and the printed remedy makes it run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.diagnosis.cases import BROKEN
from tests.diagnosis.lab import Broken, Lab, layered, mend, printed, run, upper_of

Unpacked = Callable[[str], tuple[str, Mapping[str, Any]]]


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


@pytest.mark.parametrize(
    "case", BROKEN, ids=lambda case: f"{case.base}-{case.kind}-{'-'.join(case.command)[:40]}"
)
def test_the_cause_is_first_and_its_remedy_works(
    case: Broken,
    probe: Path,
    unpacked: Unpacked,
    sources: Path,
    temporary: Path,
    record_property: Callable[[str, object], None],
) -> None:
    whole = Path(unpacked(case.base)[0])
    with ExitStack() as held:
        full, below = whole, [whole]
        if case.healthy is not None:
            full = held.enter_context(layered(temporary / "full", whole))
            case.healthy(Lab(full, full, sources))
            below.insert(0, upper_of(full))
        root = held.enter_context(layered(temporary / "root", *below))
        _judge(case, Lab(root, full, sources))
    record_property("broken images whose cause was first and whose remedy worked", 1)


def _judge(case: Broken, lab: Lab) -> None:
    case.breaks(lab)
    found = run(lab.root, case.command, case.options, lab.full if case.against else None)
    text = printed(found)
    assert found.findings, text
    first = found.findings[0]
    assert first.kind == case.kind, text
    assert case.cause in first.cause, text
    assert text.startswith(f"rootfs:{lab.root}: "), text
    options = mend(lab, text, first.remedies[case.remedy].line.splitlines(), case.options)
    again = run(lab.root, case.command, options)
    assert not again.failed, f"{text}\nafter its remedy:\n{printed(again)}"


def test_many_kinds_of_images_are_broken() -> None:
    assert len({case.kind for case in BROKEN}) >= 40
