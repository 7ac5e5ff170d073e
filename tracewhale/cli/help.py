"""Help in groups: the most common options by default, and all of them with --help-all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click

GROUPS: Mapping[str, str] = {
    "What may be missing": "against contents fix",
    "What to run": "also compose service expect_status probe keep_changes base cache",
    "How to drive it": "workload exec_ for_ until_idle http http_file crawl openapi openapi_max wait_for "
    "wait_timeout",
    "What to keep": "level include exclude keep_listings shrink no_shrink guess_dlopen spare no_unit "
    "include_from exclude_from rule_files no_rule keep_package_docs",
    "The image": "tag output force layers sbom sbom_in_image sbom_format keep_privileges image_label "
    "image_env image_entrypoint image_cmd image_user image_workdir image_expose",
    "As for docker run": "env volume publish user workdir entrypoint network interactive tty env_file mount "
    "tmpfs add_host hostname cap_add cap_drop security_opt read_only ulimit shm_size init gpus stop_timeout "
    "platform",
    "Verification and output": "no_verify verify_with trace_out form places file_form reports junit lock "
    "max_size max_growth fail_on_new help_all",
}
"""Each group's title and its options, by the names of their parameters, in the order shown."""

FIRST = frozenset(
    "against fix workload exec_ for_ http wait_for level include exclude tag output sbom env volume publish "
    "user workdir interactive no_verify trace_out form places reports help_all".split()
)
"""Options that the short help shows."""

OTHERS = "Other options"
EVERYTHING = "tracewhale.help_all"


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the parameters, with --help-all if the short help leaves some out."""
        params = super().get_params(ctx)
        if all(_is_short(param) for param in params):
            return params
        return [*params, HELP_ALL]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options group by group."""
        for title, records in sections(ctx, everything=bool(ctx.meta.get(EVERYTHING))):
            with formatter.section(title):
                formatter.write_dl(records)


def sections(ctx: click.Context, *, everything: bool) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each group's title with its options and their help, without hidden ones."""
    shown = [param for param in ctx.command.get_params(ctx) if everything or _is_short(param)]
    params = [param for param in shown if isinstance(param, click.Option)]
    grouped = {name for names in GROUPS.values() for name in names.split()}
    rest = " ".join(dict.fromkeys(str(param.name) for param in params if param.name not in grouped))
    for title, names in {**GROUPS, OTHERS: rest}.items():
        order = names.split()
        chosen = sorted((p for p in params if p.name in order), key=lambda p: order.index(str(p.name)))
        records = [record for param in chosen if (record := param.get_help_record(ctx)) is not None]
        if records:
            yield title, records


def _is_short(param: click.Parameter) -> bool:
    return (
        isinstance(param, click.Argument) or param.name in (*FIRST, "help", "help_all") or _is_hidden(param)
    )


def _is_hidden(param: click.Parameter) -> bool:
    return bool(getattr(param, "hidden", False))


def _show_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        ctx.meta[EVERYTHING] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


HELP_ALL = click.Option(
    ["--help-all"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_all,
    help="Show every option and exit.",
)
