import typer

from kelp.commands import check, make, show

app = typer.Typer(no_args_is_help=True, help="Tend kelp.")
app.add_typer(show.app, name="show")
app.add_typer(make.app, name="make")
app.add_typer(check.app, name="check")


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as of

    typer.echo(of("kelp"))


@app.callback()
def main(verbose: bool = typer.Option(False, "--verbose", "-v")) -> None:
    pass
