"""The identity of a container's command, derived by the engine's rules from USER and the image's user
database.

The rules are those of libcontainer/user (GetExecUser, GetAdditionalGroups), which moby and runc both use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tracewhale.errors import UsageError
from tracewhale.rootfs.tree import Tree, View

MAXIMUM = (1 << 31) - 1
PASSWD = "/etc/passwd"
GROUP = "/etc/group"
DATABASE_LIMIT = 32 << 20
"""Bytes that are read of each file: half a million users."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user and groups of a process. ``groups`` are the supplementary ones, sorted; ``home`` is the value
    of HOME if it is not set."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = (0,)
    home: str = "/"


@dataclass(frozen=True, slots=True)
class _User:
    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    gid: int
    members: tuple[str, ...]


def identity(user: str, passwd: str, group: str, group_add: Iterable[str] = ()) -> Identity:
    """Return the identity for a USER string (NAME, UID, NAME:GROUP, ...; empty is root).

    ``passwd`` and ``group`` are the contents of the image's passwd(5) and group(5), empty without them;
    ``group_add`` is ``--group-add``. The primary group is one of the supplementary groups, as in engines
    since 20.10.18. Raise UsageError in the engine's words.
    """
    user_word, _, rest = user.partition(":")
    group_word = rest.split(":")[0]
    users, groups = list(_users(passwd)), list(_groups(group))
    uid_wanted = _integer(user_word)

    def is_user(user: _User) -> bool:
        if not user_word:
            return user.uid == 0
        return user.uid == uid_wanted if uid_wanted is not None else user.name == user_word

    account = next((item for item in users if is_user(item)), None)
    if account is None and user_word and uid_wanted is None:
        raise UsageError(f"Unable to find user {user_word}: no matching entries in passwd file.")
    uid = account.uid if account else _in_range(uid_wanted or 0)
    gid = account.gid if account else 0
    supplementary: list[int] = []
    if group_word:
        gid = _group_id(group_word, groups)
    elif account and account.name:
        supplementary = [item.gid for item in groups if account.name in item.members]
    added = [_additional_group(item, groups) for item in group_add]
    return Identity(uid, gid, tuple(sorted({gid, *supplementary, *added})), home_of(uid, passwd))


def home_of(uid: int, passwd: str) -> str:
    """Return the first home directory that passwd(5) has for a user id, ``/`` without one."""
    return next((user.home for user in _users(passwd) if user.uid == uid), "/")


def read_user_database(tree: Tree) -> tuple[str, str]:
    """Return the contents of an image's /etc/passwd and /etc/group, following symbolic links; empty if they
    do not exist."""
    view = View(tree)
    entries = [view.resolve(path).entry for path in (PASSWD, GROUP)]
    contents = tree.read([(entry.path, 0, DATABASE_LIMIT) for entry in entries if entry is not None])
    answers = iter(contents)
    passwd, group = ((next(answers) or b"") if entry is not None else b"" for entry in entries)
    return passwd.decode(errors="surrogateescape"), group.decode(errors="surrogateescape")


def _group_id(word: str, groups: Sequence[_Group]) -> int:
    wanted = _integer(word)

    def is_group(group_: _Group) -> bool:
        return group_.gid == wanted if wanted is not None else group_.name == word

    group = next((group_ for group_ in groups if is_group(group_)), None)
    if group is not None:
        return group.gid
    if wanted is None:
        raise UsageError(f"Unable to find group {word}: no matching entries in group file.")
    return _in_range(wanted)


def _additional_group(word: str, groups: Sequence[_Group]) -> int:
    """Return an additional group (GetAdditionalGroups): unlike above, a name takes precedence over a
    number."""
    wanted = _integer(word)
    for group in groups:
        if group.name == word or group.gid == wanted:
            return group.gid
    if wanted is None:
        raise UsageError(f"Unable to find group {word}.")
    return _in_range(wanted)


def _in_range(number: int) -> int:
    if not 0 <= number <= MAXIMUM:
        raise UsageError(f"User and group ids must be in the range 0-{MAXIMUM}.")
    return number


def _integer(word: str) -> int | None:
    """Parse a number as Go's strconv.Atoi does: an optional sign and decimal digits, nothing else."""
    return int(word) if re.fullmatch(r"[+-]?[0-9]+", word, re.ASCII) and len(word) < 20 else None


def _lines(text: str) -> Iterator[list[str]]:
    for line in text.split("\n"):
        if stripped := line.strip():
            yield stripped.split(":")


def _users(passwd: str) -> Iterator[_User]:
    """Yield the users; as in libcontainer, missing fields are empty and invalid numbers are 0."""
    for fields in _lines(passwd):
        fields += [""] * (7 - len(fields))
        yield _User(fields[0], _integer(fields[2]) or 0, _integer(fields[3]) or 0, fields[5])


def _groups(group: str) -> Iterator[_Group]:
    for fields in _lines(group):
        fields += [""] * (4 - len(fields))
        yield _Group(fields[0], _integer(fields[2]) or 0, tuple(fields[3].split(",")) if fields[3] else ())
