"""Facts about a command by its name: its path in a complete image, and its package."""

from __future__ import annotations

import os

from tracewhale.closure.loader import KNOWN
from tracewhale.diagnosis.libraries import lacking
from tracewhale.diagnosis.model import Case
from tracewhale.rootfs.tree import View

COMMANDS = {
    "sh": "shell",
    "bash": "bash",
    "env": "env",
    "python3": "python3",
    "python": "python",
    "node": "node",
    "perl": "perl",
    "ruby": "ruby",
    "php": "php",
    "java": "java",
    "ssh": "ssh",
    "envsubst": "gettext",
    "nc": "netcat",
    "ps": "procps",
    "top": "procps",
    "pgrep": "procps",
    "pkill": "procps",
    "free": "procps",
    "uptime": "procps",
    "watch": "procps",
    "ip": "iproute",
    "ss": "iproute",
    "ping": "ping",
    "curl": "curl",
    "wget": "wget",
    "git": "git",
    "jq": "jq",
    "unzip": "unzip",
    "xz": "xz",
    "unxz": "xz",
    "xzcat": "xz",
    "dig": "dig",
    "nslookup": "dig",
    "host": "dig",
    "psql": "postgresql-client",
    "pg_dump": "postgresql-client",
    "pg_isready": "postgresql-client",
    "pg_restore": "postgresql-client",
    "mysql": "mysql-client",
    "mysqldump": "mysql-client",
    "mysqladmin": "mysql-client",
    "redis-cli": "redis-cli",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "convert": "imagemagick",
    "identify": "imagemagick",
    "mogrify": "imagemagick",
    "openssl": "openssl-command",
    "gosu": "gosu",
    "tini": "tini",
    "dumb-init": "dumb-init",
    "sendmail": "sendmail",
    "crontab": "cron",
    "supervisord": "supervisor",
    "gunicorn": "gunicorn",
    "uvicorn": "uvicorn",
    "celery": "celery",
    "flask": "flask",
    "alembic": "alembic",
    "poetry": "poetry",
    "find": "find",
    "xargs": "find",
    "make": "make",
}


def need_of(path: str) -> str:
    """Return the key of packages.toml for a command."""
    return COMMANDS.get(os.path.basename(path), "")


def removed_command(case: Case, name: str) -> tuple[str, ...]:
    """Return the former path of a missing command that a package of the image lists; () for none."""
    paths = [f"{directory}/{name}" for directory in case.search_path] if "/" not in name else [name]
    return tuple(path for path in paths if case.owners.of((path,)))[:1]


def command_paths(case: Case, name: str) -> tuple[str, ...]:
    """Return the path of a command in the complete image, and its dependencies that this image lacks."""
    if case.full is None or "/" in name:
        return ()
    for directory in case.search_path:
        path = os.path.join(directory, name)
        if case.full.resolve(path).exists:
            return tuple(dict.fromkeys((path, *lacking(case, [path]))))
    return ()


def homes(case: Case, path: str) -> tuple[str, ...]:
    """Return the library directories of a missing program that the complete image has.

    An interpreter's is ``PREFIX/lib/NAME`` or ``PREFIX/share/NAME``, as of python3.11, R and perl.
    """
    entry = case.full.resolve(path).entry if case.full is not None else None
    if case.full is None or entry is None:
        return ()
    directory, _, name = entry.path.rpartition("/")
    prefix = os.path.dirname(directory).rstrip("/")
    places = [f"{prefix}/lib/{name}", f"{prefix}/share/{name}"]
    return tuple(p for p in places if case.full.resolve(p).exists and not case.exists(p))


def other_libc(view: View, name: str) -> str:
    """Return the C library that an image has instead of the one whose loader is missing; empty for none."""
    loaders = {path for paths in KNOWN.values() for path in paths if view.resolve(path).exists}
    wants_musl = "musl" in name
    if any(("musl" in path) != wants_musl for path in loaders):
        return "glibc" if wants_musl else "musl"
    return ""
