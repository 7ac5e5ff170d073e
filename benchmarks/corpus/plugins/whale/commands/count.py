import csv

import click


@click.command()
@click.argument("file", type=click.File())
def count(file):
    """Count the rows."""
    click.echo(len(list(csv.DictReader(file))))
