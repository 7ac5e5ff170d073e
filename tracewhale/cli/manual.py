"""Manual pages from the commands' own help: roff for man(1), one page for the program and one for each verb.

See man-pages(7) for the sections and groff_man(7) for the macros.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Sequence

import click

from tracewhale import __version__
from tracewhale.cli.help import sections
from tracewhale.errors import ExitCode

ENDS = {
    ExitCode.OK: "done, and verified where that was asked for",
    ExitCode.USAGE: "the request makes no sense: an option, a value, a combination",
}
"""The meaning of the other exit codes, which have no error."""


def pages(program: click.Group, name: str) -> Iterator[tuple[str, str]]:
    """Yield a file name and its contents for the program and each of its verbs."""
    root = click.Context(program, info_name=name)
    verbs = sorted(program.list_commands(root))
    yield f"{name}.1", _page(root, verbs)
    for verb in verbs:
        command = program.get_command(root, verb)
        if command is not None and not command.hidden:
            context = click.Context(command, info_name=verb, parent=root)
            yield f"{name}-{verb}.1", _page(context, ())


def _page(context: click.Context, verbs: Sequence[str]) -> str:
    command, words = context.command, context.command_path.split()
    summary, _, rest = inspect.cleandoc(command.help or "").partition("\n\n")
    lines = [
        f'.TH "{"-".join(words).upper()}" "1" "" "TraceWhale {__version__}"',
        ".SH NAME",
        f"{_roff('-'.join(words))} \\- {_roff(' '.join(summary.split()).rstrip('.'))}",
        ".SH SYNOPSIS",
        f"\\fB{_roff(context.command_path)}\\fR {_roff(' '.join(command.collect_usage_pieces(context)))}",
        ".SH DESCRIPTION",
        *_paragraphs(f"{summary}\n\n{rest}"),
    ]
    if verbs and isinstance(command, click.Group):
        lines.append(".SH COMMANDS")
        for verb in verbs:
            lines += [".TP", f"\\fB{_roff(f'{words[0]}-{verb}')}\\fR(1)"]
            subcommand = command.get_command(context, verb)
            lines += [_roff(subcommand.get_short_help_str(200) if subcommand is not None else "")]
    for title, records in sections(context, everything=True):
        lines.append(f'.SH "{title.upper()}"')
        for option, text in records:
            lines += [".TP", f"\\fB{_roff(option)}\\fR", _roff(text)]
    lines += [".SH EXIT STATUS"]
    for code, text in ENDS.items():
        lines += [".TP", str(int(code)), _roff(text)]
    lines += [".PP", "Every other number has one meaning; the error says which, and what to do next."]
    others = "tracewhale(1)" if len(words) > 1 else "docker-run(1), strace(1)"
    return "\n".join([*lines, ".SH SEE ALSO", _roff(others), ""])


def _paragraphs(text: str) -> Iterator[str]:
    """Return a docstring's paragraphs; one that begins with \\b keeps its lines, as in click's help."""
    for number, paragraph in enumerate(filter(str.strip, text.split("\n\n"))):
        if number:
            yield ".PP"
        first, *others = paragraph.splitlines()
        if first.strip() == "\b":
            yield from (".nf", *map(_roff, others), ".fi")
        else:
            yield _roff(" ".join(paragraph.split()))


def _roff(text: str) -> str:
    """Return text with the requests and escapes of roff escaped (groff(7))."""
    escaped = re.sub(r"\s+", " ", text).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
