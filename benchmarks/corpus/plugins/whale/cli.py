import importlib.metadata

import click
from click_plugins import with_plugins


@with_plugins(importlib.metadata.entry_points(group="whale.commands"))
@click.group()
@click.version_option("1.0")
def main():
    """Counts whales."""
