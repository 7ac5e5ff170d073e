from pathlib import Path

import typer

app = typer.Typer(help="Make things.")


@app.command()
def page(path: Path, template: str = "page.html") -> None:
    from jinja2 import Environment, PackageLoader, select_autoescape

    from kelp.model import load

    typer.echo(
        Environment(loader=PackageLoader("kelp"), autoescape=select_autoescape())
        .get_template(template)
        .render(beds=load(path))
    )


@app.command()
def slug(words: str) -> None:
    from slugify import slugify

    typer.echo(slugify(words))


@app.command()
def key() -> None:
    from cryptography.fernet import Fernet

    k = Fernet.generate_key()
    typer.echo(Fernet(k).decrypt(Fernet(k).encrypt(b"tide")))


@app.command()
def database(path: Path) -> None:
    from sqlalchemy import Column, Float, MetaData, String, Table, create_engine, insert, select

    from kelp.model import load

    engine = create_engine("sqlite://")
    meta = MetaData()
    beds = Table("beds", meta, Column("name", String), Column("depth", Float))
    meta.create_all(engine)
    with engine.begin() as c:
        c.execute(insert(beds), [b.model_dump(include={"name", "depth"}) for b in load(path)])
        typer.echo(str(list(c.execute(select(beds)))))
