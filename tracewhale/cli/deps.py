"""``tracewhale deps``: what the dynamic loader would load for a file, and where it would look."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager

import click

from tracewhale.cli.options import form_option
from tracewhale.cli.progress import Progress
from tracewhale.cli.streams import echo
from tracewhale.cli.verb import verb
from tracewhale.closure import BASELINE, Cpu, Resolver, from_cpuinfo
from tracewhale.closure.deps import Listing, dependencies
from tracewhale.closure.render import render_flat, render_tree, to_json
from tracewhale.engines.base import Request
from tracewhale.engines.names import ARCHIVE, DOCKER, HOST, ROOTFS, parse
from tracewhale.engines.registry import Engines
from tracewhale.errors import ExitCode, UsageError
from tracewhale.report.names import JSON, TEXT
from tracewhale.rootfs.archive import open_docker_archive, open_oci
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.layers import open_layers
from tracewhale.rootfs.tree import Tree, View

PATHS = ("/", "./", "../")
"""The beginnings of a word that can only be a path."""

Opener = Callable[[str], AbstractContextManager[Tree]]


@contextmanager
def open_files(name: str) -> Iterator[Tree]:
    """Yield the files of any target that the other verbs accept, whatever its architecture."""
    reference = parse(name)
    with ExitStack() as stack:
        if reference.kind in (HOST, ROOTFS):
            yield stack.enter_context(DirectoryTree(reference.place or "/"))
        elif reference.kind == DOCKER:
            progress = Progress()
            target = stack.enter_context(Engines(progress).open(name, Request(command=("true",))))
            tree = stack.enter_context(target.tree())
            progress.clear()
            yield tree
        else:
            opener = open_docker_archive if reference.kind == ARCHIVE else open_oci
            image = stack.enter_context(opener(reference.place, reference.reference))
            yield stack.enter_context(open_layers(image))


def command(open_tree: Opener = open_files) -> click.Command:
    """Return the verb for targets whose files ``open_tree`` opens."""

    @click.command("deps")
    @click.argument("target")
    @click.argument("paths", metavar="[PATH]...", nargs=-1)
    @click.option("--flat", is_flag=True, help="Print each path once, one per line.")
    @form_option
    @click.option("--guess-dlopen", "guess", is_flag=True,
                  help="With --flat, list libraries that string literals name, too.")  # fmt: skip
    @click.option("-e", "--env", "variables", metavar="NAME=VALUE", multiple=True,
                  help="A variable that affects the loader, or PATH for names.")  # fmt: skip
    @click.option("--cpu", type=click.Choice(["this", "baseline"]), default="this", show_default=True,
                  help="Choose the builds of libraries for this machine's CPU, or for any.")  # fmt: skip
    @verb
    def deps(
        target: str,
        paths: tuple[str, ...],
        flat: bool,
        form: str,
        guess: bool,
        variables: tuple[str, ...],
        cpu: str,
    ) -> None:
        """Show what the dynamic loader would load for files of a target, without running anything.

        TARGET is an image or container, docker-archive:FILE, oci:DIRECTORY, rootfs:DIRECTORY or host. PATH is
        a file in it, or a command's name. Without a TARGET the files are this machine's, if the first PATH
        begins with / or . or is the only one. Exits with 1 if something is missing.
        """
        if target.startswith(PATHS) or not paths:
            target, paths = HOST, tuple(_host_file(path, alone=not paths) for path in (target, *paths))
        environment = dict(_variable(text) for text in variables)
        with open_tree(target) as tree:
            resolver = Resolver(View(tree), _cpu() if cpu == "this" else BASELINE)
            listings = [dependencies(resolver, path, environment, guess=guess or not flat) for path in paths]
        echo(FORMS[FLAT if flat and form == TEXT else form](listings))
        if not all(listing.complete for listing in listings):
            sys.exit(ExitCode.MISSING)

    return deps


def _tree(listings: list[Listing]) -> str:
    return render_tree(listings, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"))


def _json(listings: list[Listing]) -> str:
    return json.dumps(to_json(listings), indent=2) + "\n"


FLAT = "flat"
FORMS: Mapping[str, Callable[[list[Listing]], str]] = {TEXT: _tree, FLAT: render_flat, JSON: _json}
"""Each form of the listing and the function that renders it."""


def _host_file(name: str, *, alone: bool) -> str:
    """Return an existing file's absolute path, and any other name unchanged, because it may be a command's.
    Raise UsageError if the name is ``alone``: then it can only be a target's."""
    if name.startswith(PATHS) or os.path.exists(name):
        return os.path.abspath(name)
    if alone:
        raise UsageError(f"No path in {name} is given.", "Run: tracewhale deps TARGET PATH...")
    return name


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(
            f"{text} is not of the form NAME=VALUE.", "Give one such as -e LD_LIBRARY_PATH=/opt/lib."
        )
    return name, value


def _cpu() -> Cpu:
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return from_cpuinfo(file.read())
    except OSError:
        return BASELINE


deps = command()
