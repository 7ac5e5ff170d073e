"""List what exists in the engine and in a directory, so that a test can tell what it left behind."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from docker import DockerClient


@dataclass(frozen=True)
class Presence:
    """Return what exists in the engine and in the temporary directory, each as a line to be shown."""

    containers: frozenset[str]
    volumes: frozenset[str]
    networks: frozenset[str]
    dangling_images: frozenset[str]
    files: frozenset[str]

    def since(self, before: Presence) -> dict[str, list[str]]:
        """Return what is here now and was not before, by kind; empty if nothing is."""
        new = {
            each.name: sorted(getattr(self, each.name) - getattr(before, each.name)) for each in fields(self)
        }
        return {kind: lines for kind, lines in new.items() if lines}


def presence(client: DockerClient, directory: Path) -> Presence:
    """Taken now. Only what has no tag counts of the images: a tagged one is a result."""
    return Presence(
        frozenset(f"{each['Id'][:12]} {each['Names']}" for each in client.api.containers(all=True)),
        frozenset(each["Name"] for each in client.api.volumes()["Volumes"] or ()),
        frozenset(f"{each['Id'][:12]} {each['Name']}" for each in client.api.networks()),
        frozenset(each["Id"] for each in client.api.images(filters={"dangling": True})),
        frozenset(os.listdir(directory)),
    )
