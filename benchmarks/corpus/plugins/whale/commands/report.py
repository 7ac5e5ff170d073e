import csv

import click


@click.command()
@click.option("--locale", default="en")
@click.argument("file", type=click.File())
def report(locale, file):
    """Render a report."""
    import datetime

    from babel.dates import format_datetime, get_timezone
    from jinja2 import Environment, PackageLoader

    when = format_datetime(datetime.datetime(2026, 1, 1), tzinfo=get_timezone("Asia/Tokyo"), locale=locale)
    template = Environment(loader=PackageLoader("whale")).get_template("report.txt")
    click.echo(template.render(rows=list(csv.DictReader(file)), when=when))
