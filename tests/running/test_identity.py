"""USER as moby reads it: the cases of libcontainer's own tests, and the words of its errors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trees import MemoryTree
from tracewhale.errors import UsageError
from tracewhale.running import identity as module
from tracewhale.running.identity import Identity, identity, read_user_database

PASSWD = """
root:x:0:0:root user:/root:/bin/bash
adm:x:42:43:adm:/var/adm:/bin/false
111:x:222:333::/var/garbage
odd:x:111:112::/home/odd
user7456:x:7456:100:Vasya:/home/user7456
broken
"""
GROUP = """
root:x:0:root
adm:x:43:
grp:x:1234:root,adm,user7456
adm:x:4343:root,adm-duplicate
wheel:x:10:adm,user7456
444:x:555:111
odd:x:444:
"""


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", Identity(0, 0, (0, 1234, 4343), "/root")),
        ("root", Identity(0, 0, (0, 1234, 4343), "/root")),
        ("adm", Identity(42, 43, (10, 43, 1234), "/var/adm")),
        ("adm:wheel", Identity(42, 10, (10,), "/var/adm")),
        ("adm:99", Identity(42, 99, (99,), "/var/adm")),
        ("111", Identity(111, 112, (112,), "/home/odd")),
        ("111:444", Identity(111, 444, (444,), "/home/odd")),
        ("8888", Identity(8888, 0, (0,), "/")),
        ("8888:9999", Identity(8888, 9999, (9999,), "/")),
        ("7456", Identity(7456, 100, (10, 100, 1234), "/home/user7456")),
        (":", Identity(0, 0, (0, 1234, 4343), "/root")),
        (":wheel", Identity(0, 10, (10,), "/root")),
        ("broken", Identity(0, 0, (0,), "/root")),
    ],
)
def test_users(user: str, expected: Identity) -> None:
    assert identity(user, PASSWD, GROUP) == expected


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("nobody", "Unable to find user nobody: no matching entries in passwd file."),
        ("adm:nobody", "Unable to find group nobody: no matching entries in group file."),
        ("-1", "User and group ids must be in the range 0-2147483647"),
        ("1:2147483648", "User and group ids must be in the range 0-2147483647"),
        ("1.5", "Unable to find user 1.5: no matching entries in passwd file."),
    ],
)
def test_errors_have_the_engines_words(user: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        identity(user, PASSWD, GROUP)


def test_without_a_user_data_base() -> None:
    assert identity("", "", "") == Identity(0, 0, (0,), "/")
    assert identity("12:34", "", "") == Identity(12, 34, (34,), "/")
    with pytest.raises(UsageError):
        identity("root", "", "")


def test_additional_groups() -> None:
    assert identity("adm:43", PASSWD, GROUP, ["wheel", "77", "odd"]).groups == (10, 43, 77, 444)
    with pytest.raises(UsageError, match="Unable to find group nogroup"):
        identity("", PASSWD, GROUP, ["nogroup"])


def test_the_data_base_is_read_through_symbolic_links() -> None:
    tree = MemoryTree("""
        /etc/passwd -> ../usr/etc/passwd
        /usr/etc/passwd: a:x:1:2::/a:
    """)
    assert read_user_database(tree) == ("a:x:1:2::/a:", "")


def test_no_more_is_read_than_a_data_base_could_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DATABASE_LIMIT", 13)
    tree = MemoryTree("/etc/passwd: a:x:1:2::/a:and more")
    assert read_user_database(tree) == ("a:x:1:2::/a:a", "")


@given(st.text(max_size=20), st.text(max_size=200), st.text(max_size=200))
def test_any_content_gives_an_identity_or_a_usage_error(user: str, passwd: str, group: str) -> None:
    try:
        found = identity(user, passwd, group)
    except UsageError:
        return
    assert found.gid in found.groups
