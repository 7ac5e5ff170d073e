"""Make bills: bill.py make FILE [--lang de] [--as pdf|html|text|png]"""

import datetime
import json
from decimal import Decimal
from pathlib import Path

import click
from babel import dates, numbers
from babel.support import Translations
from jinja2 import Environment, FileSystemLoader

HERE = Path(__file__).parent


@click.group()
@click.version_option("3.1")
def bill():
    pass


def render(name, lang, template):
    data = json.loads(Path(name).read_text())
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"), extensions=["jinja2.ext.i18n"], autoescape=True
    )
    env.install_gettext_translations(Translations.load(HERE / "locale", [lang]))
    env.filters["money"] = lambda value: numbers.format_currency(Decimal(str(value)), "EUR", locale=lang)
    env.filters["day"] = lambda value: dates.format_date(
        datetime.date.fromisoformat(value), "full", locale=lang
    )
    return env.get_template(template).render(**data, lang=lang)


@bill.command()
@click.argument("name")
@click.option("--lang", default="en")
@click.option("--as", "form", default="html", type=click.Choice(["html", "pdf", "text"]))
def make(name, lang, form):
    if form == "text":
        click.echo(render(name, lang, "bill.txt"))
        return
    page = render(name, lang, "bill.html")
    if form == "html":
        click.echo(page)
    else:
        from weasyprint import HTML

        document = HTML(string=page, base_url=str(HERE)).render()
        document.write_pdf("/tmp/bill.pdf")
        import subprocess

        click.echo(
            subprocess.run(
                ["pdftotext", "-layout", "/tmp/bill.pdf", "-"], capture_output=True, text=True
            ).stdout
        )


@bill.command()
@click.argument("number")
@click.option("--lang", default="en")
def words(number, lang):
    from num2words import num2words

    click.echo(num2words(number, lang=lang, to="currency", currency="EUR"))


@bill.command()
@click.argument("text")
@click.option("--as", "form", default="text")
def code(text, form):
    import qrcode

    if form == "text":
        qr = qrcode.QRCode()
        qr.add_data(text)
        qr.print_ascii()
    elif form == "svg":
        import qrcode.image.svg

        click.echo(qrcode.make(text, image_factory=qrcode.image.svg.SvgImage).to_string())
    elif form == "bar":
        import barcode

        click.echo(barcode.get("ean13", text).render({"write_text": True}).decode()[:600])
    else:
        import hashlib

        image = qrcode.make(text)
        image.save("/tmp/a." + form)
        click.echo(hashlib.sha1(Path("/tmp/a." + form).read_bytes()).hexdigest())


@bill.command()
@click.argument("when")
@click.option("--zone", default="UTC")
@click.option("--lang", default="en")
def due(when, zone, lang):
    moment = datetime.datetime.fromisoformat(when).replace(tzinfo=datetime.UTC)
    click.echo(dates.format_datetime(moment, "full", tzinfo=dates.get_timezone(zone), locale=lang))


if __name__ == "__main__":
    bill()
