from importlib.metadata import entry_points
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from kelp.model import load

app = typer.Typer(help="Show beds.")
console = Console()


@app.command()
def table(path: Path) -> None:
    """A table of beds."""
    t = Table("name", "depth")
    for bed in load(path):
        t.add_row(bed.name, str(bed.depth))
    console.print(t)


@app.command()
def tree(path: Path) -> None:
    from rich.tree import Tree

    t = Tree("kelp")
    for bed in load(path):
        t.add(bed.name)
    console.print(t)


@app.command()
def plain(path: Path, style: str = "github") -> None:
    from tabulate import tabulate

    typer.echo(tabulate([[b.name, b.depth] for b in load(path)], headers=["name", "depth"], tablefmt=style))


@app.command()
def code(path: Path) -> None:
    from rich.syntax import Syntax

    console.print(Syntax.from_path(str(path)))


@app.command()
def text(path: Path) -> None:
    from rich.markdown import Markdown

    console.print(Markdown(path.read_text()))


@app.command("as")
def as_(kind: str, path: Path) -> None:
    """Export beds."""
    for point in entry_points(group="kelp.exporters"):
        if point.name == kind:
            typer.echo(point.load()(load(path)))
            return
    raise typer.BadParameter(kind)


@app.command()
def when(zone: str = "UTC", locale: str = "en") -> None:
    import pendulum

    typer.echo(
        pendulum.datetime(2026, 3, 1, 12).in_timezone(zone).format("dddd D MMMM YYYY HH:mm z", locale=locale)
    )


@app.command()
def history(path: Path) -> None:
    import subprocess

    typer.echo(
        subprocess.run(["git", "-C", str(path), "log", "--oneline"], capture_output=True, text=True).stdout
        or "none"
    )
