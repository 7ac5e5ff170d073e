"""Capability sets and seccomp profiles, as moby computes them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracewhale.errors import UsageError
from tracewhale.running.capabilities import (
    DEFAULT,
    NAMES,
    PROBE,
    bare,
    effective,
    mask,
    resolved_profile,
    widen,
)


def test_the_defaults_are_the_engines() -> None:
    assert mask(effective([], [])) == 0xA80425FB


@pytest.mark.parametrize(
    ("add", "drop", "expected"),
    [
        ([], ["ALL"], set()),
        (["chown", "CAP_SYS_TIME"], ["all"], {"CHOWN", "SYS_TIME"}),
        (["ALL"], ["CHOWN"], set(NAMES) - {"CHOWN"}),
        (["NET_ADMIN"], ["CAP_CHOWN"], (DEFAULT - {"CHOWN"}) | {"NET_ADMIN"}),
        (["CHOWN"], ["CHOWN"], set(DEFAULT)),
    ],
)
def test_sets(add: list[str], drop: list[str], expected: set[str]) -> None:
    assert effective(add, drop) == expected


def test_an_unknown_capability() -> None:
    with pytest.raises(UsageError, match="FOO"):
        bare("FOO")


names = st.lists(st.sampled_from([*NAMES, "ALL"]), max_size=5)


@given(names, names)
def test_the_traced_container_has_what_the_untraced_has_and_what_the_probe_needs(
    add: list[str], drop: list[str]
) -> None:
    assert effective(*widen(add, drop)) == effective(add, drop) | PROBE


def test_a_profiles_rules_are_decided_for_the_untraced_container() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [],
        "syscalls": [
            {"names": ["read"], "action": "SCMP_ACT_ALLOW", "includes": {}, "excludes": {}},
            {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
            {
                "names": ["chown"],
                "action": "SCMP_ACT_ALLOW",
                "includes": {"caps": ["CAP_CHOWN"], "minKernel": "4.8"},
            },
            {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
            {"names": ["setuid"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SETUID"]}},
        ],
    }
    made = json.loads(resolved_profile(json.dumps(profile), {"CHOWN", "SETUID"}))
    assert [rule["names"] for rule in made["syscalls"]] == [["read"], ["chown"], ["clone"]]
    assert made["syscalls"][1]["includes"] == {"minKernel": "4.8"}
    assert "caps" not in json.dumps(made)
    assert made["defaultAction"] == "SCMP_ACT_ERRNO"


@pytest.mark.parametrize("profile", ["", "[]", '{"syscalls": [1]}', '{"syscalls": {"a": 1}}', "[" * 100_000])
def test_a_profile_that_is_none(profile: str) -> None:
    with pytest.raises(UsageError):
        resolved_profile(profile, DEFAULT)
