"""Options that several verbs share, and the conversion of their values to the library's requests."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import click

from tracewhale import rules
from tracewhale.cli.declare import apply, many
from tracewhale.cli.help import GroupedCommand
from tracewhale.cli.steps import order_steps, steps
from tracewhale.engines.base import Request
from tracewhale.engines.names import DOCKER, OUTPUTS, ROOTFS, Name, parse
from tracewhale.engines.probes import Probe
from tracewhale.engines.trust import Trust, words_of
from tracewhale.errors import UsageError
from tracewhale.image.config import source_date_epoch
from tracewhale.pipeline import Job
from tracewhale.plan.model import Options
from tracewhale.plan.shrinking import SHRINKABLE, shrinkable
from tracewhale.report.names import JSON, QUIET, TEXT, VERBOSE
from tracewhale.running.options import parse_options
from tracewhale.tracing.events import Step
from tracewhale.units import UNLIMITED, Level, Mechanism, Spare, spare

LICENCES = "licences"
DEFAULT_LEVEL = Level.PACKAGE

DOCKER_RUN = (
    "env env_file volume mount tmpfs user workdir entrypoint network add_host publish hostname cap_add "
    "cap_drop security_opt read_only ulimit shm_size init gpus platform interactive tty stop_timeout"
).split()


class TargetCommand(GroupedCommand):
    """``[OPTIONS] TARGET [-- ARG...]``: options on either side of TARGET, and ARG only after ``--``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ours, theirs = _split(args)
        ctx.ensure_object(dict)["arguments"] = tuple(theirs)
        ctx.obj["composed"] = any(word == "--compose" or word.startswith("--compose=") for word in ours)
        words = order_steps(_terminal_clusters(ours))
        try:
            return super().parse_args(ctx, list(words))
        except click.MissingParameter:
            # `-i -t IMAGE`: a -t that took the only TARGET was Docker's, not a tag.
            if "-t" not in words or ctx.resilient_parsing:
                raise
            last = len(words) - 1 - words[::-1].index("-t")
            ctx.params.clear()
            return super().parse_args(ctx, [*words[:last], "--tty", *words[last + 1 :]])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [*super().collect_usage_pieces(ctx), "[-- ARG...]"]


def _split(args: list[str]) -> tuple[list[str], list[str]]:
    at = args.index("--") if "--" in args else len(args)
    return args[:at], args[at + 1 :]


def _terminal_clusters(args: list[str]) -> list[str]:
    """Split ``-it`` and ``-ti`` as Docker does, although ``-t NAME`` alone is the tag."""
    return [word for arg in args for word in (("-i", "--tty") if arg in ("-it", "-ti") else (arg,))]


docker_run_options = apply(
    many("-e", "--env", metavar="NAME[=VALUE]", help="Set an environment variable."),
    many("--env-file", metavar="FILE", help="Read environment variables from a file."),
    many("-v", "--volume", metavar="SOURCE:PATH[:MODE]", help="Mount a directory or volume; never copied."),
    many("--mount", metavar="SPEC", help="Mount, in Docker's long form."),
    many("--tmpfs", metavar="PATH[:OPTIONS]", help="Mount an empty file system in memory."),
    click.option("-u", "--user", metavar="USER[:GROUP]", help="Run as this user."),
    click.option("-w", "--workdir", metavar="DIR", help="Run in this directory."),
    click.option("--entrypoint", metavar="COMMAND", help="Replace the image's ENTRYPOINT."),
    click.option("--network", "--net", metavar="NETWORK", help="Connect to this network."),
    many("--add-host", metavar="HOST:IP", help="Add a line to /etc/hosts."),
    many("-p", "--publish", metavar="PORT", help="Publish a port on the host."),
    click.option("--hostname", metavar="NAME", help="The container's host name."),
    many("--cap-add", metavar="CAPABILITY", help="Add a Linux capability."),
    many("--cap-drop", metavar="CAPABILITY", help="Drop a Linux capability."),
    many(
        "--security-opt", metavar="OPTION", help="A security option: seccomp=, apparmor=, no-new-privileges."
    ),
    click.option("--read-only", is_flag=True, help="Mount the root file system read-only."),
    many("--ulimit", metavar="NAME=SOFT[:HARD]", help="Set a resource limit."),
    click.option("--shm-size", metavar="BYTES", help="Size of /dev/shm."),
    click.option("--init", is_flag=True, help="Run Docker's init as PID 1."),
    click.option("--gpus", metavar="REQUEST", help="Give GPUs to the container."),
    click.option(
        "--stop-timeout",
        type=click.IntRange(0, 86400),
        metavar="SECONDS",
        help="Seconds in which the command may stop before it is killed [10].",
    ),
    click.option("--platform", metavar="OS/ARCH", help="The image's platform."),
    click.option("-i", "--interactive", is_flag=True, help="Pass standard input to the command."),
    click.option("--rm", is_flag=True, hidden=True, expose_value=False),  # it always is
    click.option("--tty", is_flag=True, help="Give the command a terminal (-it, or -t that names no tag)."),
)
"""Options of ``docker run`` that change what a program sees, with the same names and meaning."""

probe_option = click.option(
    "--probe",
    type=click.Choice([probe.value for probe in Probe]),
    default=Probe.AUTO.value,
    show_default=True,
    help="The probe that watches the command; `tracewhale doctor` shows which ones work here.",
)

change_options = apply(
    click.option("--keep-changes", is_flag=True, help="Keep all of the container's change layer."),
    click.option("--base", metavar="IMAGE", default="", help="With --keep-changes: the layers above IMAGE."),
)

plan_options = apply(
    click.option(
        "--keep",
        "level",
        type=click.Choice([level.value for level in Level]),
        default=DEFAULT_LEVEL.value,
        show_default=True,
        help="What to keep beside the touched paths: nothing, the rest of their modules, the rest of their "
        "packages, or also everything that was installed by name.",
    ),
    click.option(
        "--spare",
        metavar="AMOUNT",
        default="",
        help="The size that --keep may add: a share such as 40% (at least 20 MB), or a size such as 50MB "
        "[40%; no limit for installed].",
    ),
    many("--no-unit", metavar="NAME", help="Do not keep units of this kind."),
    many("--include", metavar="PATH", help="Keep PATH; a directory with all its contents."),
    many("--include-from", metavar="FILE", help="Read --include paths from a file, one a line."),
    many("--exclude", metavar="GLOB", help="Leave out the paths that match."),
    many("--exclude-from", metavar="FILE", help="Read --exclude globs from a file, one a line."),
    click.option(
        "--keep-listings", is_flag=True, help="Keep every entry of the directories that the program listed."
    ),
    many("--rules", "rule_files", metavar="FILE", help="Add rules from a TOML file."),
    many("--no-rule", metavar="NAME", help="Do not apply this rule."),
    click.option(
        "--guess-dlopen",
        is_flag=True,
        help="Keep libraries whose names are string literals of kept programs and libraries.",
    ),
    many(
        "--shrink",
        metavar="java[=UNIT]",
        help="Keep the part of such files that the program can reach: of a JVM's class library its modules, "
        "packages or classes [java=modules from --keep module on].",
    ),
    many("--no-shrink", type=click.Choice(SHRINKABLE), help="Keep such files whole."),
    click.option(
        "--keep-package-docs",
        type=click.Choice([LICENCES, "none"]),
        default=LICENCES,
        show_default=True,
        help="Keep copyright and licence files of the kept packages.",
    ),
)

output_options = apply(
    click.option("-t", "--tag", metavar="NAME", default="", help="Name of the new image [skinny-NAME]."),
    click.option(
        "-o",
        "--output",
        metavar="PLACE",
        default="",
        help="The destination: docker-daemon:NAME, docker-archive:FILE, oci:DIR[:TAG], oci-archive:FILE or "
        "rootfs:DIR [the Docker engine; for a target that is not in one, oci:skinny-NAME].",
    ),
    click.option(
        "--keep-privileges",
        is_flag=True,
        help="With -o rootfs:DIR as root: keep device nodes, setuid and setgid bits and file capabilities "
        "also where others can reach them.",
    ),
)

form_option = click.option(
    "--json", "form", flag_value=JSON, default=TEXT, help="Print one JSON object on standard output."
)

report_options = apply(
    form_option,
    click.option("--verbose", "form", flag_value=VERBOSE, help="Report also how the image was made."),
    click.option("-q", "--quiet", "form", flag_value=QUIET, help="Print only the name of the new image."),
)

trust_option = click.option(
    "--trust-trace", is_flag=True, help="Grant the traces everything that they request on this machine."
)

repeated_options = apply(
    trust_option,
    many("--workload", metavar="CMD", help="Let the trace run this CMD on the host."),
    many("-v", "--volume", metavar="SOURCE:PATH[:MODE]", help="Let the trace mount this."),
    many("--mount", metavar="SPEC", help="Let the trace mount this, in Docker's long form."),
    click.option("--network", metavar="NETWORK", help="Let the trace have this network."),
)
"""A trace's permissions when it is repeated, given by the same options as when it was traced."""

trace_arguments = click.argument("traces", metavar="TRACE...", nargs=-1, required=True, type=click.Path())


def job(target: str, parameters: dict[str, Any]) -> Job:
    """Return the job in a verb's options. Raise UsageError for a value that is not valid."""
    options = {name: parameters[name] for name in DOCKER_RUN}
    if parameters["base"] and not parameters["keep_changes"]:
        raise UsageError("--base needs --keep-changes.", "Add --keep-changes.")
    return Job(
        name=target,
        request=Request(
            parse_options(**options, environ=os.environ),
            click.get_current_context().obj["arguments"],
            Probe(parameters["probe"]),
        ),
        steps=steps(parameters),
        keep_changes=parameters["keep_changes"],
        base=parameters["base"],
        expected_status=parameters.get("expect_status") or 0,
    )


def destination(output: str, tag: str, *, keep_privileges: bool) -> Name | None:
    """Return the new image's destination, or None for the target's own choice. Raise UsageError."""
    if keep_privileges:
        place = parse(output)
        if place.kind != ROOTFS:
            raise UsageError(
                "--keep-privileges needs -o rootfs:DIR.", "Leave it out: an image keeps them all."
            )
        return replace(_destination(output, tag) or place, privileges=True)
    return _destination(output, tag)


def _destination(output: str, tag: str) -> Name | None:
    if not output:
        return Name(DOCKER, tag) if tag else None
    if ":" not in output:
        raise UsageError(f"-o {output} does not name an output format.", f"Give one of {OUTPUTS}.")
    place = parse(output)
    if not tag:
        return place
    if place.kind in (DOCKER, ROOTFS) or place.reference:
        raise UsageError(f"-t {tag} and -o {output} contradict each other.", "Leave one of them out.")
    return Name(place.kind, place.place, tag)


def plan_settings(parameters: dict[str, Any]) -> Options:
    """Return the plan options of a verb."""
    known = rules.load(parameters["rule_files"])
    names = {rule.name for rule in known}
    for name in parameters["no_rule"]:
        if name not in names:
            raise UsageError(f"There is no rule {name}.", f"The rules are {', '.join(sorted(names))}.")
    return Options(
        include=(*parameters["include"], *_lines("--include-from", parameters["include_from"])),
        exclude=(*parameters["exclude"], *_lines("--exclude-from", parameters["exclude_from"])),
        rules=known,
        without_rules=tuple(parameters["no_rule"]),
        listings=parameters["keep_listings"],
        guess_dlopen=parameters["guess_dlopen"],
        shrink=_shrink(parameters),
        licences=parameters["keep_package_docs"] == LICENCES,
        level=Level(parameters["level"]),
        spare=_spare(parameters),
        without_units=_units(parameters["no_unit"]),
        epoch=source_date_epoch(os.environ),
        memory=cache_directory(os.environ),
    )


def _shrink(parameters: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the kinds of files to shrink, each with its unit. Raise UsageError for contradictory options."""
    wanted = dict(map(shrinkable, parameters["shrink"]))
    both = sorted(wanted.keys() & set(parameters["no_shrink"]))
    if both:
        raise UsageError(
            f"--shrink {both[0]} and --no-shrink {both[0]} exclude each other.", "Give one of them."
        )
    usual = () if parameters["level"] == Level.TOUCHED.value else SHRINKABLE
    units = dict(map(shrinkable, usual)) | wanted
    return {kind: unit for kind, unit in units.items() if kind not in parameters["no_shrink"]}


def cache_directory(environ: Mapping[str, str]) -> str:
    """Return our directory for caches (XDG Base Directory Specification), or an empty string."""
    home = environ.get("HOME", "")
    base = environ.get("XDG_CACHE_HOME") or (f"{home}/.cache" if home else "")
    return f"{base}/tracewhale" if base.startswith("/") else ""


def trust(parameters: dict[str, Any]) -> Trust:
    """Return the permissions of a trace on this machine. Raise UsageError for a value that is not valid."""
    network = parameters.get("network")
    options = parse_options(
        volume=parameters.get("volume", ()),
        mount=parameters.get("mount", ()),
        network=network,
        environ=os.environ,
    )
    steps = [Step("workload", command) for command in parameters.get("workload", ())]
    return Trust(parameters["trust_trace"], frozenset(words_of(options, steps)))


def _spare(parameters: dict[str, Any]) -> Spare:
    if parameters["spare"]:
        return spare(parameters["spare"])
    return UNLIMITED if parameters["level"] == Level.INSTALLED.value else Spare()


def _units(names: tuple[str, ...]) -> tuple[str, ...]:
    known = [mechanism.value for mechanism in Mechanism]
    for name in names:
        if name not in known:
            raise UsageError(
                f"--no-unit {name}: there is no such kind of unit.", f"The kinds are {', '.join(known)}."
            )
    return names


def _lines(option: str, names: Sequence[str]) -> list[str]:
    """Return lines of files (- is standard input) without blank lines and comments."""
    lines: list[str] = []
    for name in names:
        try:
            with open(0 if name == "-" else name, encoding="utf-8", errors="surrogateescape") as file:
                lines += [line.strip() for line in file if line.strip() and not line.startswith("#")]
        except OSError as error:
            raise UsageError(
                f"{option} {name} cannot be read: {error.strerror}.", "Name a text file."
            ) from error
    return lines
