"""Every kind of broken image has its true cause first, and the printed remedy makes it run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.diagnosis.cases import BROKEN
from tests.diagnosis.lab import Broken, Lab, copy, mend, printed, run

Unpacked = Callable[[str], tuple[str, Mapping[str, Any]]]

SHOWN: list[str] = []
"""The cases whose cause was first and whose remedy mended them."""


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


@pytest.mark.parametrize(
    "case", BROKEN, ids=lambda case: f"{case.base}-{case.kind}-{'-'.join(case.command)[:40]}"
)
def test_the_cause_is_first_and_its_remedy_works(
    case: Broken, probe: Path, unpacked: Unpacked, sources: Path, temporary: Path
) -> None:
    whole = Path(unpacked(case.base)[0])
    full, root = temporary / "full", temporary / "root"
    try:
        _judge(case, whole, full, root, sources)
    finally:
        _remove(full, root)
    SHOWN.append(f"{case.kind}: {' '.join(case.command)}")


def _judge(case: Broken, whole: Path, full: Path, root: Path, sources: Path) -> None:
    if case.healthy is None:
        full = whole
    else:
        copy(whole, full)
        case.healthy(Lab(full, full, sources))
    copy(full, root)
    lab = Lab(root, full, sources)
    case.breaks(lab)
    found = run(root, case.command, case.options, full if case.against else None)
    text = printed(found)
    assert found.findings, text
    first = found.findings[0]
    assert first.kind == case.kind, text
    assert case.cause in first.cause, text
    assert text.startswith(f"rootfs:{root}: "), text
    options = mend(lab, text, first.remedies[case.remedy].line.splitlines(), case.options)
    again = run(root, case.command, options)
    assert not again.failed, f"{text}\nafter its remedy:\n{printed(again)}"


def _remove(*trees: Path) -> None:
    subprocess.run(["rm", "-rf", *trees], check=True)


def test_many_kinds_were_broken_and_mended(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = len({case.kind for case in BROKEN})
    text = (
        f"diagnosis: {len(SHOWN)} of {len(BROKEN)} broken images of {kinds} kinds: cause first, remedy works"
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{text}\n")
    assert len(BROKEN) >= 40
