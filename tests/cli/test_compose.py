"""--compose and the options beside it are checked before any work."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tracewhale.cli.run import run
from tracewhale.errors import ExitCode


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--compose", "compose.yaml"), "belong together"),
        (("--service", "web", "image"), "belong together"),
        (("--compose", "none.yaml", "--service", "web"), "none.yaml is not there"),
        (("--compose=compose.yaml", "--service", "web", "image"), "contradict each other"),
        (("--compose", "compose.yaml", "--service", "web", "--cache", "x"), "--cache cannot know"),
        ((), "Missing argument 'TARGET'"),
    ],
)
def test_what_makes_no_sense(words: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(run, words)
    assert (done.exit_code, told in done.output) == (ExitCode.USAGE, True), done.output
