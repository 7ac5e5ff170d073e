"""Help that fits on a screen, and the scripts for shells."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tracewhale.cli import main
from tracewhale.cli.group import VERBS, shorten
from tracewhale.cli.help import FIRST, GROUPS, OTHERS

LINES = 60
GROUPED = {name for names in GROUPS.values() for name in names.split()}


def shown(*words: str) -> str:
    result = CliRunner().invoke(main, list(words), terminal_width=80)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("verb", ["run", "trace", "plan", "build", "verify"])
def test_the_short_help_fits_on_a_screen(verb: str) -> None:
    text = shown(verb, "--help")
    assert len(text.splitlines()) <= LINES
    assert "--help-all" in text


@pytest.mark.parametrize(("verb", "groups"), [("run", 6), ("diagnose", 4)])
def test_help_is_in_groups(verb: str, groups: int) -> None:
    text = shown(verb, "--help-all")
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    names = {param.name for param in command.params}
    titles = [title for title, options in GROUPS.items() if names.intersection(options.split())]
    positions = [text.index(f"\n{title}:\n") for title in titles]
    assert len(positions) >= groups
    assert positions == sorted(positions)


@pytest.mark.parametrize("verb", ["run", "trace", "plan", "build", "verify"])
def test_all_of_it_has_every_option(verb: str) -> None:
    text = shown(verb, "--help-all")
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert max(param.opts, key=len) in text


def test_what_is_shown_first_is_in_a_group() -> None:
    assert FIRST <= GROUPED
    assert OTHERS not in GROUPS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(shell: str) -> None:
    assert "_TRACEWHALE_COMPLETE" in shown("completion", shell)


def test_bash_reads_its_script() -> None:
    done = subprocess.run(["bash", "-n"], input=shown("completion", "bash"), text=True, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_listed_with_the_first_sentence_of_its_help(verb: str) -> None:
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    assert command.name == verb
    assert " ".join((command.help or "").split()).startswith(VERBS[verb])
    assert f"\n  {verb} " in shown("--help")


@pytest.mark.parametrize(("room", "text"), [(9, "Say a..."), (10, "Say a word"), (40, "Say a word")])
def test_a_sentence_is_shortened_between_words(room: int, text: str) -> None:
    assert shorten("Say a word.", room) == text


def test_help_loads_no_engine() -> None:
    words = "import sys; from tracewhale.cli import main; main(['--help'], standalone_mode=False)"
    words += "; print(sorted({'docker', 'rich', 'tree_sitter', 'tracewhale.pipeline'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
