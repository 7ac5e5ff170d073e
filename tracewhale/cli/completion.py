"""``tracewhale completion``: the script with which a shell completes the command line."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tracewhale.cli.streams import echo

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes tracewhale's command line in a shell.

    \b
    bash: source <(tracewhale completion bash)        in ~/.bashrc
    zsh:  source <(tracewhale completion zsh)         in ~/.zshrc
    fish: tracewhale completion fish > ~/.config/fish/completions/tracewhale.fish
    """
    completer = get_completion_class(shell)
    assert completer is not None
    root = ctx.find_root()
    echo(completer(root.command, {}, "tracewhale", "_TRACEWHALE_COMPLETE").source())
