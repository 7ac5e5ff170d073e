"""Programs that are well have no finding, however many absent files they ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.diagnosis.lab import printed, run

Unpacked = Callable[[str], tuple[str, Mapping[str, Any]]]

HEALTHY = (
    ("bash", "-lc", "for i in 1 2 3; do :; done; type -a nothing || true"),
    ("sh", "-c", "ls /absent 2>/dev/null; echo done"),
    ("sh", "-c", "cat /etc/absent.conf; exit 0"),
    ("find", "/etc", "-name", "*.conf"),
    ("awk", 'BEGIN { while ((getline line < "/absent") > 0); print 1 }'),
    ("perl", "-e", 'for my $m (qw(Foo::A Foo::B)) { eval "require $m" } print 1'),
    ("perl", "-MJSON::XS", "-e", "print encode_json([1])"),
    ("python3", "-c", "import json, decimal, ssl, asyncio, sqlite3; print(1)"),
    ("python3", "-c", "try:\n import absent\nexcept ImportError:\n print(1)"),
    ("python3", "-c", "import os; print([os.path.exists(f'/absent/{n}') for n in range(300)][0])"),
    ("python3", "-c", "import subprocess, sys; sys.exit(subprocess.call(['absent']) if 0 else 0)"),
    ("python3", "-c", "import sys; print('No such file or directory: /nowhere', file=sys.stderr)"),
    ("ruby", "-e", "begin; require 'absent'; rescue LoadError; end; require 'set'; puts 1"),
    ("php", "-r", "echo mb_strlen('abc'), @file_get_contents('/absent') === false;"),
    ("git", "init", "-q", "/tmp/repo"),
    ("openssl", "dgst", "-sha256", "/etc/hostname"),
    ("curl", "-s", "file:///etc/debian_version"),
    ("file", "/bin/sh"),
    ("tput", "-T", "xterm", "cols"),
    ("date", "-d", "2020-01-01"),
    ("id",),
)


def test_healthy_programs_have_no_finding(
    probe: Path, unpacked: Unpacked, temporary: Path, record_property: Callable[[str, object], None]
) -> None:
    root = Path(unpacked("tools")[0])
    absent = []
    for command in HEALTHY:
        found = run(root, command, {})
        assert found.status == 0, printed(found)
        assert found.findings == (), printed(found)
        absent.append(found.absent)
    record_property("healthy programs without a finding", len(absent))
    record_property("absent paths that healthy programs asked for", sum(absent))
    assert len(HEALTHY) >= 20
