"""Names of engines, and names that are spelled almost right."""

from __future__ import annotations

from typing import Any, cast

import pytest
from docker import APIClient

from tracewhale.engines.docker.engine import similar
from tracewhale.engines.docker.facts import engine_name


class Engine:
    """An engine with two images and a container."""

    def __init__(self, *components: str) -> None:
        self.components = components

    def images(self) -> list[dict[str, Any]]:
        return [{"RepoTags": ["tw/curl:latest", "tw/node:20"]}, {"RepoTags": None}]

    def containers(self, all: bool) -> list[dict[str, Any]]:  # noqa: A002 - the client's own name
        return [{"Names": ["/my-shop"]}]

    def version(self) -> dict[str, Any]:
        return {"Components": [{"Name": name} for name in self.components]}


@pytest.mark.parametrize(
    ("name", "close"),
    [("tw/crul", "tw/curl"), ("tw/nod:20", "tw/node:20"), ("myshop", "my-shop"), ("postgres", "")],
)
def test_a_name_that_is_almost_one_of_here_is_suggested(name: str, close: str) -> None:
    assert similar(cast(APIClient, Engine()), name) == close


@pytest.mark.parametrize(
    ("components", "name"),
    [(("Engine", "containerd"), "Docker"), (("Podman Engine", "Conmon"), "Podman"), ((), "Docker")],
)
def test_podman_is_not_called_docker(components: tuple[str, ...], name: str) -> None:
    assert engine_name(cast(APIClient, Engine(*components))) == name
