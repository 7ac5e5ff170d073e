"""Small files and directories of this machine that one run needs."""

from __future__ import annotations

import os

from tracewhale.engines.embedded.layout import ContainerFiles
from tracewhale.errors import UsageError
from tracewhale.running.options import RunOptions

LOCALHOST = b"""127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
"""
"""Docker's /etc/hosts for a network that is not this machine's (libnetwork/etchosts)."""


def write_files(directory: str, options: RunOptions, hostname: str) -> ContainerFiles:
    """Return the container's own files, written in a directory of ours."""
    pairs = [host.partition(":")[::2] for host in options.add_host]
    added = "".join(f"{ip.replace('host-gateway', '127.0.0.1')}\t{name}\n" for name, ip in pairs)
    hosts = LOCALHOST if options.add_host or options.network == "none" else _read("/etc/hosts")
    contents = {
        "hostname": f"{hostname}\n".encode(),
        "hosts": hosts + added.encode(),
        "resolv.conf": _read("/etc/resolv.conf"),
    }
    paths = {name: os.path.join(directory, name) for name in contents}
    for name, data in contents.items():
        with open(paths[name], "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(data)
    return ContainerFiles(paths["hostname"], paths["hosts"], paths["resolv.conf"])


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def make_sources(options: RunOptions) -> None:
    """Make the missing directories that ``-v`` mounts, as Docker does; they stay.

    Raise UsageError if one cannot be made, and for a missing source of ``--mount``.
    """
    for text in options.volumes:
        source, colon, _ = text.partition(":")
        if colon and source.startswith("/") and not os.path.lexists(source):
            try:
                os.makedirs(source)
            except OSError as error:
                raise UsageError(f"-v {text}: {source} cannot be made: {error.strerror}.") from error
    for mount in options.mounts:
        if mount["Type"] == "bind" and not os.path.lexists(mount["Source"]):
            raise UsageError(f"--mount type=bind: there is no {mount['Source']}.", "Name an existing path.")
