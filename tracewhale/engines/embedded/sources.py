"""The files and the configuration of a target by its name, and ways to provide them in a sandbox."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tracewhale.engines.base import Request
from tracewhale.engines.embedded.command import DEFAULT_PATH, RunDirectories
from tracewhale.engines.embedded.layout import copied_root, host_root, overlay_root, restrict
from tracewhale.engines.embedded.machine import RUNTIME, Machine
from tracewhale.engines.embedded.workspace import remove, workspace
from tracewhale.engines.names import ARCHIVE, HOST, OCI, OCI_ARCHIVE, ROOTFS, Name
from tracewhale.errors import EmptyImage, EngineError, PlatformMismatch, TargetNotFound
from tracewhale.image import Image
from tracewhale.platforms import matches, runs
from tracewhale.rootfs.archive import StoredImage, open_docker_archive, open_oci
from tracewhale.rootfs.blobs import Blob
from tracewhale.rootfs.directory import DirectoryTree
from tracewhale.rootfs.layer_entries import layer_order
from tracewhale.rootfs.layers import LayerTree, open_layers
from tracewhale.rootfs.tree import Entry, Kind, PackedEntry, Tree
from tracewhale.rootfs.unpack import write_rootfs

UNSEEN = "/dev/shm"
"""A directory of this machine that is hidden in every sandbox, because each has its own."""

HOST_VARIABLES = ("PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")
"""Variables that a command on this machine inherits: others hold secrets, and images are passed on."""


@dataclass(slots=True)
class Source:
    """An opened target. ``config`` is an image configuration (OCI image-spec, config.md).

    ``directory`` holds the files, or is empty if they must be unpacked first; ``size`` is in bytes, 0 if it
    is unknown. ``way`` is the number of the first kind of root that the kernel did not refuse.
    """

    kind: str
    identity: str
    config: Mapping[str, Any]
    size: int
    default_name: str
    tree: Tree
    machine: Machine
    directory: str = ""
    way: int = 0
    _work: str = ""
    _held: ExitStack = field(default_factory=ExitStack)

    def places(self, uid: int) -> Generator[RunDirectories, None, None]:
        """Yield kinds of root for a sandbox of this user, the best first, each made when it is requested.

        Files written there are deleted when the next directory is requested or the iterator is closed. Raise
        EngineError if no way is left.
        """
        if not self._work:
            self._work = self._held.enter_context(workspace(self._where()))
        directory = os.path.join(self._work, "run")
        for way, make in enumerate(self._ways()):
            if way >= self.way:
                self.way = way
                os.mkdir(directory, 0o700)
                try:
                    yield make(directory, uid)
                finally:
                    remove(directory)
        raise EngineError(
            "This kernel mounts no overlay of this machine's files, so they cannot be kept from changes.",
            "Run as root, or on Linux 5.11 or newer.",
        )

    def _where(self) -> str | None:
        """Return the directory for our own files, if possible one that the sandbox does not see."""
        unseen = self.kind == HOST and os.access(UNSEEN, os.W_OK | os.X_OK)
        return UNSEEN if unseen else None

    def _ways(self) -> Sequence[Callable[[str, int], RunDirectories]]:
        if self.kind == HOST:
            return (self._host,)
        overlays = (self._overlay_on_disk, self._overlay_in_memory)
        return overlays if self.directory == "/" else (*overlays, self._copied)

    def _host(self, directory: str, uid: int) -> RunDirectories:
        return RunDirectories(host_root(self.machine, self._listing), directory)

    def _overlay_on_disk(self, directory: str, uid: int) -> RunDirectories:
        upper = os.path.join(directory, "written")
        os.mkdir(upper, 0o700)
        return replace(self._overlay_in_memory(directory, uid), upper=upper)

    def _overlay_in_memory(self, directory: str, uid: int) -> RunDirectories:
        return RunDirectories(overlay_root(self._lower(uid), self.machine.user), directory)

    def _copied(self, directory: str, uid: int) -> RunDirectories:
        return RunDirectories(copied_root(self._copy(os.path.join(directory, "root"), uid)), directory)

    def _listing(self, directory: str) -> list[Entry]:
        return list((self.tree.scan([directory])[directory] or {}).values())

    def _lower(self, uid: int) -> str:
        if not self.directory:
            self.directory = self._copy(os.path.join(self._work, "root"), uid)
        return self.directory

    def _copy(self, directory: str, uid: int) -> str:
        """Return a copy of the files in our own directory; files of other users give this user no more access
        than before."""
        tree = self.tree
        paths = tree.paths() if isinstance(tree, LayerTree) else layer_order(_all_paths(tree))
        packed: Iterable[PackedEntry] = tree.pack(paths)
        if self.machine.user and uid:
            packed = (replace(item, entry=restrict(item.entry, uid)) for item in packed)
        write_rootfs(packed, directory, devices=False)
        return directory

    def close(self) -> None:
        """Remove the directories made on disk."""
        self._held.close()


def _all_paths(tree: Tree) -> Iterator[str]:
    pending = ["/"]
    while pending:
        directory = pending.pop()
        yield directory
        for entry in (tree.scan([directory])[directory] or {}).values():
            if entry.kind is Kind.DIRECTORY:
                pending.append(entry.path)
            else:
                yield entry.path


@contextmanager
def open_source(name: Name, request: Request, machine: Machine) -> Iterator[Source]:
    """Open a target. Raise TargetNotFound, PlatformMismatch, EmptyImage, ImageContentError, UsageError."""
    with ExitStack() as stack:
        if name.kind in (ARCHIVE, OCI, OCI_ARCHIVE):
            source = _open_stored(name, request, machine, stack)
        elif name.kind == ROOTFS:
            source = _rootfs(name, request, machine, stack)
        else:
            source = _host(request, machine, stack)
        stack.callback(source.close)
        yield source


@contextmanager
def of_image(image: Image, machine: Machine) -> Iterator[Source]:
    """Yield a new image that is not published yet, from its spooled layers."""
    tree = LayerTree([Blob(file, 0, layer.size) for layer, file in image.layers])
    source = Source("image", image.digest, json.loads(image.config), tree.size, "", tree, machine)
    try:
        yield source
    finally:
        source.close()


def _open_stored(name: Name, request: Request, machine: Machine, stack: ExitStack) -> Source:
    if name.kind == ARCHIVE:
        image = stack.enter_context(open_docker_archive(name.place, name.reference))
    else:
        image = stack.enter_context(open_oci(name.place, name.reference, request.options.platform or ""))
    _check_platform(image.config, name, request, machine)
    tree = stack.enter_context(open_layers(image))
    return Source(name.kind, image.digest, image.config, tree.size, _default_name(image, name), tree, machine)


def _check_platform(config: Mapping[str, Any], name: Name, request: Request, machine: Machine) -> None:
    system, architecture = config.get("os") or "linux", config.get("architecture") or machine.architecture
    platform = "/".join(filter(None, (system, architecture, config.get("variant"))))
    if system != "linux" or not runs(architecture, machine.architecture):
        raise PlatformMismatch(
            f"{name} is for {platform}, and this machine runs linux/{machine.architecture}.",
            "Trace it on a machine of its own architecture.",
        )
    wanted = request.options.platform
    if wanted and not matches(wanted, platform):
        raise PlatformMismatch(f"{name} is for {platform}, and not for {wanted}.", "Leave --platform out.")


def _default_name(image: StoredImage, name: Name) -> str:
    called = (
        image.names[0] if image.names and name.kind == ARCHIVE else os.path.basename(name.place.rstrip("/"))
    )
    base = called.rpartition("/")[2].partition(":")[0].partition("@")[0]
    for suffix in (".gz", ".zst", ".tar", ".tgz"):
        base = base.removesuffix(suffix)
    return f"skinny-{base or 'image'}"


def _rootfs(name: Name, request: Request, machine: Machine, stack: ExitStack) -> Source:
    directory = os.path.abspath(name.place)
    if not os.path.isdir(directory):
        raise TargetNotFound(
            f"There is no directory {name.place}.", "Name one with an unpacked root file system."
        )
    tree = stack.enter_context(DirectoryTree(directory, one_file_system=True))
    if not tree.scan(["/"])["/"]:
        raise EmptyImage(
            f"{name.place} is empty: there are no files in it.", "Name an unpacked root file system."
        )
    config = default_config(request, machine, {"PATH": DEFAULT_PATH}, "", "")
    _check_platform(config, name, request, machine)
    base = os.path.basename(directory) or "root"
    return Source(ROOTFS, f"rootfs:{directory}", config, 0, f"skinny-{base}", tree, machine, directory)


def _host(request: Request, machine: Machine, stack: ExitStack) -> Source:
    hidden = [mount.point for mount in machine.mounts if not mount.real]
    tree = stack.enter_context(DirectoryTree("/", hidden={*RUNTIME, *hidden}))
    environment = {name: os.environ[name] for name in HOST_VARIABLES if os.environ.get(name)}
    user = ""
    if machine.uid:
        user = f"{machine.uid}:{machine.gid}"
        environment["HOME"] = os.path.expanduser("~")
    config = default_config(request, machine, {"PATH": DEFAULT_PATH, **environment}, user, os.getcwd())
    _check_platform(config, Name(HOST), request, machine)
    words = [*([request.options.entrypoint] if request.options.entrypoint else []), *request.command]
    base = os.path.basename(words[0]) if words else "host"
    return Source(HOST, HOST, config, 0, f"skinny-{base}", tree, machine, "/")


def default_config(
    request: Request, machine: Machine, environment: Mapping[str, str], user: str, workdir: str
) -> dict[str, Any]:
    """Return the configuration of a target that has none: the requested command becomes the image's own."""
    options = request.options
    merged = dict(environment)
    for assignment in options.env:
        variable, equals, value = assignment.partition("=")
        if equals:
            merged[variable] = value
        else:
            merged.pop(variable, None)
    config: dict[str, Any] = {
        "Env": [f"{variable}={value}" for variable, value in merged.items()],
        "User": options.user if options.user is not None else user,
        "WorkingDir": options.workdir or workdir,
        "Entrypoint": [options.entrypoint] if options.entrypoint else None,
        "Cmd": list(request.command) or None,
    }
    return {
        "architecture": machine.architecture,
        "os": "linux",
        "config": {key: value for key, value in config.items() if value},
    }
