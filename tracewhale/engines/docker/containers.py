"""Temporary containers: created, used, and always removed."""

from __future__ import annotations

import io
import os
import re
import secrets
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, cast

from docker import APIClient
from docker.errors import APIError

from tracewhale.engines.docker.container_spec import (
    DOCKER_INIT,
    PROBE,
    PROBE_DIRECTORY,
    CreatePayload,
    endpoint,
)
from tracewhale.engines.docker.engine import api_errors, inspect_image
from tracewhale.engines.docker.exec_stream import Input, ProcessOutput, attach
from tracewhale.engines.docker.interrupts import run_to_end
from tracewhale.engines.docker.leftovers import OWNER, owner
from tracewhale.engines.docker.preflight import check_startable
from tracewhale.engines.docker.pristine import Layers, PristineTree, creation_time, directories
from tracewhale.errors import EngineError
from tracewhale.rootfs.served_tree import ServedTree
from tracewhale.rootfs.tree import Tree, View

LABEL = "tracewhale.run"
"""The label on every object that we make in the engine; its value is the token of the run."""


def token() -> str:
    """Return a unique name."""
    return secrets.token_hex(8)


@contextmanager
def container(client: APIClient, payload: CreatePayload, run: str) -> Iterator[str]:
    """Yield a container's id, created but not started; it is removed with its anonymous volumes at the end.

    A named volume that did not exist before is removed, too, so that the next run starts as this one did.
    """
    # The name is chosen here, so that a container can be removed even if the engine's answer never came.
    name = f"tracewhale-{token()}"
    body = payload.body()
    body["Labels"] = {**(body.get("Labels") or {}), LABEL: run, OWNER: owner()}
    with api_errors("look at the volumes"):
        fresh = [volume for volume in _named_volumes(payload) if not _exists(client, volume)]
    try:
        with api_errors("create the container"):
            create = cast(Any, client).create_container_from_config
            creation_time = run_to_end(partial(create, body, name, payload.platform or None))
        yield str(creation_time["Id"])
    finally:
        try:
            run_to_end(partial(remove, client, name))
        finally:
            for volume in fresh:
                run_to_end(partial(_remove_volume, client, volume))


def connect_network(client: APIClient, identifier: str, network: Mapping[str, Any]) -> None:
    """Connect a container to one of the ``Networks`` of ``Run.base``."""
    with api_errors(f"connect the container to the network {network['Name']}"):
        raw: Any = client
        body = {"Container": identifier, "EndpointConfig": endpoint(network)}
        raw._raise_for_status(raw._post_json(raw._url("/networks/{0}/connect", network["Name"]), data=body))


def remove(client: APIClient, name: str) -> None:
    """Remove a container, running or not, with its anonymous volumes. Do nothing if it does not exist."""
    with api_errors("remove the container"):
        try:
            client.remove_container(name, v=True, force=True)
        except APIError as error:
            if error.status_code not in (404, 409):  # 409: its removal is in progress
                raise


def _named_volumes(payload: CreatePayload) -> list[str]:
    binds = [mount.split(":")[0] for mount in payload.host.get("Binds") or ()]
    mounts = [mount.get("Source") for mount in payload.host.get("Mounts") or () if mount["Type"] == "volume"]
    return [name for name in (*binds, *mounts) if name and re.match(r"[a-zA-Z0-9]", name)]


def _exists(client: APIClient, volume: str) -> bool:
    try:
        client.inspect_volume(volume)
    except APIError as error:
        if error.status_code == 404:
            return False
        raise
    return True


def _remove_volume(client: APIClient, volume: str) -> None:
    with api_errors(f"remove the volume {volume}"):
        try:
            client.remove_volume(volume)
        except APIError as error:
            if error.status_code not in (404, 409):  # 409: somebody else uses it by now
                raise


def archive(files: Mapping[str, tuple[bytes, int]]) -> bytes:
    """Return a tar archive of files owned by root, given by name with contents and mode, after their
    directories."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (contents, mode) in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(contents), mode
            tar.addfile(member, io.BytesIO(contents))
    return buffer.getvalue()


def put_files(
    client: APIClient, identifier: str, files: Mapping[str, tuple[bytes, int]], into: str = "/"
) -> None:
    """Write files into a container through the archive API, without a bind mount, so the engine may be
    remote."""
    with api_errors("copy into the container"):
        client.put_archive(identifier, into, archive(files))


def put_programs(
    client: APIClient, identifier: str, programs: Mapping[str, bytes], *, volume: bool = False
) -> None:
    """Write executable files by absolute path; ``volume`` says that all are in our directory, which is a
    volume."""
    directory = PROBE_DIRECTORY if volume else "/"
    files = {path.removeprefix(directory).lstrip("/"): (program, 0o755) for path, program in programs.items()}
    put_files(client, identifier, files, directory)


@contextmanager
def copied_volumes(
    client: APIClient, image: str, source: str, destinations: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield volumes with a copy of another container's volumes at the same paths, streamed through this
    machine.

    They belong to a container made from ``image`` that never starts. Yield its id, and the volumes' names by
    destination. Create nothing if there are no destinations.
    """
    if not destinations:
        yield "", {}
        return
    mounts = [
        {"Type": "volume", "Target": destination, "VolumeOptions": {"NoCopy": True}}
        for destination in destinations
    ]
    payload = CreatePayload({"Image": image, "Entrypoint": [], "Cmd": ["-"]}, {"Mounts": mounts}, ())
    with container(client, payload, token()) as holder:
        for destination in sorted(destinations):
            with api_errors(f"copy the volume {destination}"):
                # Whole, not its contents, into its parent: the engine sets no owner and mode on a "." entry.
                chunks, _ = client.get_archive(source, destination)
                client.put_archive(holder, os.path.dirname(destination.rstrip("/")), cast(Any, chunks))
        with api_errors("look at the volumes"):
            holder_mounts = cast("dict[str, Any]", cast(Any, client).inspect_container(holder))["Mounts"]
        # The image may declare more volumes, on which the run has something else.
        names = {mount["Destination"]: mount.get("Name", "") for mount in holder_mounts}
        yield holder, {destination: names[destination] for destination in destinations}


@contextmanager
def serve_files(
    client: APIClient, image: str, probe: bytes, *, bare: bool = True, init: bool = False
) -> Iterator[Tree]:
    """Yield the probe's file server in its own container, made from the image; with ``bare``, without the
    image's mounts.

    With ``init``, the engine mounts its docker-init there.
    """
    payload = CreatePayload(
        config={
            "Image": image,
            "User": "0",
            "WorkingDir": "/",
            "Entrypoint": [PROBE, "serve", *(["--bare"] if bare else [])],
            "Cmd": [],
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "OpenStdin": True,
            "StdinOnce": True,
            "Healthcheck": {"Test": ["NONE"]},
        },
        host={
            "NetworkMode": "none",
            "CapAdd": ["SYS_ADMIN", "DAC_READ_SEARCH"],
            "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
            "LogConfig": {"Type": "none"},
            "Init": init,
        },
        argv=(PROBE,),
    )
    with container(client, payload, token()) as identifier:
        check_startable(client, identifier)
        put_programs(client, identifier, {PROBE: probe})
        attached = attach(client, identifier, stdin=True)
        try:
            with api_errors("start the container that reads the image"):
                client.start(identifier)
            output = ProcessOutput(attached)
            yield ServedTree(io.BufferedReader(output, 1 << 20), Input(attached))
        finally:
            attached.close()


def docker_init(client: APIClient, image: str, probe: bytes) -> bytes:
    """Return the engine's own init (``--init``), read from the path at which the engine mounts it. Raise
    EngineError if the engine has none."""
    with serve_files(client, image, probe, bare=False, init=True) as tree:
        entry = View(tree).resolve(DOCKER_INIT).entry
        (program,) = tree.read([(entry.path, 0, -1)]) if entry else [None]
    if not program:
        raise EngineError("The Docker engine has no init of its own, which --init needs.")
    return program


@contextmanager
def served_tree(client: APIClient, image: str, probe: bytes) -> Iterator[Tree]:
    """Yield an image's file system, read from a pristine container made from it that runs nothing but the
    probe.

    ``probe`` is the probe's binary for the engine's architecture.
    """
    inspected = inspect_image(client, image)
    with serve_files(client, image, probe) as tree, closing(Layers(directories(inspected))) as layers:
        yield PristineTree(tree, layers, creation_time(inspected))
