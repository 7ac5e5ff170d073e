import csv

import click


@click.command()
@click.option("--to", default="json")
@click.argument("file", type=click.File())
def convert(to, file):
    """Convert the rows."""
    from stevedore import driver

    manager = driver.DriverManager("whale.formats", to, invoke_on_load=True)
    click.echo(manager.driver.dump(list(csv.DictReader(file))))
