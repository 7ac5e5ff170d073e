"""The mounts of a sandbox, as arguments of ``probe sandbox`` (probes/sandbox/sandbox_mounts.c). Pure.

There are several kinds of root, the best first: an overlay that writes to a disk, one that writes to memory,
or a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from tracewhale.engines.embedded.machine import RUNTIME, Machine, is_below
from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Entry, Kind, join
from tracewhale.running.options import RunOptions

Listing = Callable[[str], Iterable[Entry]]
"""The entries of a directory of this machine."""

MASKED = (
    "/proc/acpi /proc/asound /proc/kcore /proc/keys /proc/latency_stats /proc/scsi /proc/sched_debug "
    "/proc/timer_list /proc/timer_stats /sys/firmware".split()
)
PROTECTED = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()
"""Paths that Docker hides and protects in a container (moby, oci/defaults.go)."""

SHM_SIZE = 64 << 20
TMPFS_OPTIONS = ("noexec", "nosuid", "nodev")
"""Docker's default options of ``--tmpfs``."""


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """The container's own files: their paths on this machine."""

    hostname: str
    hosts: str
    resolv_conf: str


def overlay_root(directory: str, user: bool) -> tuple[str, ...]:
    """Return a root that is a directory whose writes go elsewhere."""
    return ("--overlay", "/", directory, "user" if user else "root")


def copied_root(directory: str) -> tuple[str, ...]:
    """Return a root that is a directory whose writes stay in it."""
    return ("--bind", "/", directory, "rw")


def host_root(machine: Machine, listing: Listing) -> tuple[str, ...]:
    """Return a root that is this machine's, with the other disks that are mounted in it.

    In a user name space, a directory with a mount in it cannot be an overlay's lower directory (the kernel
    keeps what a mount hides hidden); its entries are mounted one by one.
    """
    real = [mount for mount in machine.mounts if mount.real]
    if not machine.user:
        words = [*overlay_root("/", user=False)]
        for mount in real:
            words += ["--overlay", mount.point, mount.point, "root?"]
        return (*words, "--tmpfs", "/run", "mode=755", "s")
    return ("--tmpfs", "/", "mode=555", "", *_split("/", machine, listing))


def _split(directory: str, machine: Machine, listing: Listing) -> list[str]:
    words: list[str] = []
    for entry in listing(directory):
        path = join(directory, entry.path.rpartition("/")[2])
        at = [mount for mount in machine.mounts if mount.point == path]
        inside = [mount for mount in machine.mounts if is_below(mount.point, [path]) and mount.point != path]
        mode = restrict(entry, machine.uid).mode
        if entry.kind is Kind.SYMLINK:
            words += ["--symlink", path, entry.target]
        elif entry.kind is Kind.DIRECTORY and (path in RUNTIME or (at and not at[0].real)):
            words += ["--directory", path, f"{mode:o}"]
        elif entry.kind is Kind.DIRECTORY and inside:
            words += ["--directory", path, f"{mode:o}", *_split(path, machine, listing)]
        elif entry.kind is Kind.DIRECTORY:
            words += ["--overlay", path, path, "user?"]
        elif entry.kind is Kind.FILE:
            words += ["--bind", path, path, "ro?"]
    return words


def restrict(entry: Entry, uid: int) -> Entry:
    """Return an entry whose mode allows its owner only what it allows others, unless this user is the
    owner."""
    if entry.uid == uid or entry.kind is Kind.SYMLINK:
        return entry
    return replace(entry, mode=entry.mode & 0o7077 | (entry.mode & 0o7) << 6)


def container(options: RunOptions, files: ContainerFiles) -> tuple[str, ...]:
    """Return Docker's mounts of every container, and the user's. Raise UsageError."""
    shm = options.shm_size if options.shm_size is not None else SHM_SIZE
    words = ["--proc", "--dev", f"mode=1777,size={shm}", "--sys"]
    if "systempaths=unconfined" not in options.security_opt:
        for path in PROTECTED:
            words += ["--protect", path]
        for path in MASKED:
            words += ["--mask", path]
    words += ["--bind", "/etc/resolv.conf", files.resolv_conf, "rw"]
    words += ["--bind", "/etc/hostname", files.hostname, "rw"]
    words += ["--bind", "/etc/hosts", files.hosts, "rw"]
    mounts = {**_tmpfs(options), **_binds(options)}
    for path in sorted(mounts, key=lambda path: path.rstrip("/").count("/")):
        words += mounts[path]
    return tuple(words)


def user_mounts(options: RunOptions) -> tuple[str, ...]:
    """Return the destinations of the user's mounts."""
    return tuple(sorted({**_tmpfs(options), **_binds(options)}))


def _tmpfs(options: RunOptions) -> dict[str, list[str]]:
    result = {path: _tmpfs_words(path, text.split(",")) for path, text in options.tmpfs.items()}
    for mount in options.mounts:
        if mount["Type"] == "tmpfs":
            given = mount.get("TmpfsOptions") or {}
            words = [f"mode={given['Mode']:o}"] if given.get("Mode") else ["mode=1777"]
            words += [f"size={given['SizeBytes']}"] if given.get("SizeBytes") else []
            result[mount["Target"]] = _tmpfs_words(mount["Target"], words)
    return result


def _tmpfs_words(path: str, options: Sequence[str]) -> list[str]:
    """Return the flags of the mount itself as letters, and the options of the file system."""
    flags = {name: name in TMPFS_OPTIONS for name in (*TMPFS_OPTIONS, "ro")}
    rest = []
    for word in options:
        positive = {"exec": "noexec", "suid": "nosuid", "dev": "nodev", "rw": "ro"}.get(word)
        if word in flags:
            flags[word] = True
        elif positive:
            flags[positive] = False
        elif word and word not in ("relatime", "noatime", "atime", "defaults"):
            rest.append(word)
    letters = {"nosuid": "s", "noexec": "x", "ro": "r"}
    text = "".join(letter for name, letter in letters.items() if flags[name])
    return ["--tmpfs", path, ",".join(rest), text]


def _binds(options: RunOptions) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for text in options.volumes:
        if ":" not in text:
            continue  # anonymous: the sandbox's files are removed anyway
        source, destination, *mode = text.split(":")
        if not source.startswith("/"):
            raise UsageError(
                f"-v {text}: {source} is a volume, and only a Docker engine has volumes.",
                "Mount a directory instead, by its absolute path.",
            )
        read_only = "ro" in ",".join(mode).split(",")
        result[destination] = ["--bind", destination, source, "ro" if read_only else "rw"]
    for mount in options.mounts:
        if mount["Type"] == "bind":
            mode_word = "ro" if mount.get("ReadOnly") else "rw"
            result[mount["Target"]] = ["--bind", mount["Target"], mount["Source"], mode_word]
        elif mount["Type"] != "tmpfs":
            raise UsageError(
                f"--mount type={mount['Type']} needs a Docker engine.", "Mount a directory: type=bind."
            )
    return result
