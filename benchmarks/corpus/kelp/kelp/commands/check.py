import json
from pathlib import Path

import typer

app = typer.Typer(help="Check files.")


@app.command()
def schema(path: Path) -> None:
    from importlib.resources import files

    import jsonschema

    try:
        jsonschema.validate(
            json.loads(path.read_text()), json.loads(files("kelp").joinpath("data/schema.json").read_text())
        )
    except jsonschema.ValidationError as error:
        typer.echo(error.message)
        raise typer.Exit(1) from None
    typer.echo("valid")


@app.command()
def difference(a: Path, b: Path) -> None:
    from deepdiff import DeepDiff
    from ruamel.yaml import YAML

    typer.echo(DeepDiff(YAML(typ="safe").load(a), YAML(typ="safe").load(b)).to_json())


@app.command()
def markup(path: Path) -> None:
    from lxml import etree

    try:
        typer.echo(etree.parse(str(path)).getroot().tag)
    except etree.XMLSyntaxError as error:
        typer.echo(error)
        raise typer.Exit(2) from None


@app.command()
def ignore(pattern: str, name: str) -> None:
    import pathspec

    typer.echo(pathspec.PathSpec.from_lines("gitwildmatch", [pattern]).match_file(name))


@app.command()
def url(address: str) -> None:
    import httpx

    try:
        typer.echo(httpx.get(address, timeout=1).status_code)
    except httpx.HTTPError as error:
        typer.echo(type(error).__name__)
        raise typer.Exit(3) from None
