"""Limits of the run, and what authenticates: each cause on a tree and a trace that are written down."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.diagnosis.test_messages import found
from tests.trees import MemoryTree
from tracewhale.diagnosis import Case, Diagnosis, Sure, User, diagnose
from tracewhale.diagnosis.text import render
from tracewhale.examine import ask
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Outcome, Trace

APP = "/bin/app: x\n/bin/mkdir: x\n"
DEBIAN = "/etc/os-release: ID=debian\n"


def first(diagnosis: Diagnosis) -> tuple[str, str, str]:
    """The kind, the cause and the best remedy of the first finding."""
    assert diagnosis.findings, render(diagnosis)
    finding = diagnosis.findings[0]
    return finding.kind, finding.cause, finding.remedies[0].line


def traced(
    said: str,
    tree: str | MemoryTree,
    *events: tuple[str, str, bool],
    status: int = 1,
    program: str = "/bin/app",
    **more: Any,
) -> Diagnosis:
    """The diagnosis of a command with events: path, access, and whether it is there."""
    rows = frozenset(Event(path, access, program, present=there) for path, access, there in events)
    trace = Trace("t", "i", "p", {}, rows, outcome=Outcome(status, stderr=said.encode()))
    return diagnose(
        Case("x", View(tree if isinstance(tree, MemoryTree) else MemoryTree(tree)), trace=trace, **more)
    )


def test_all_places_of_a_read_only_root_are_told_at_once() -> None:
    """The command stops at the first; the same with a root that it may write to reaches the others."""
    said = 'app: mkdir() "/var/lib/app/body" failed (30: Read-only file system)'
    tree = f"{APP}/var/lib/app/\n/var/log/app/error.log: x\n/run/\n/data/\n"
    rows = ("/var/lib/app/body", "/var/log/app/error.log", "/run/app.pid", "/run/a/b", "/dev/null", "/data/x")
    events = frozenset(Event(path, "create", "/bin/app", present=False) for path in rows)
    known: Any = {
        "read_only": True,
        "mounts": {"/data": ""},
        "writable": Trace("t", "i", "p", {}, events),
    }
    kind, cause, line = first(traced(said, tree, ("/var/lib/app/body", "mkdir", False), **known))
    assert kind == "read-only"
    assert cause.startswith("/run, /var/lib/app, /var/log/app cannot be written: the root file system is")
    assert line == "--tmpfs /run --tmpfs /var/lib/app -v /var/log/app"
    as_user = traced(said, tree, read_only=True, user=User(7, 7, (7,), "/", "7"))
    assert first(as_user)[2] == "--tmpfs /var/lib/app:mode=1777"


def test_a_read_only_mount_is_not_the_root() -> None:
    said = "touch: cannot touch '/data/x': Read-only file system"
    kind, cause, _ = first(traced(said, f"{APP}/data/\n", mounts={"/data": "ro"}))
    assert (kind, cause) == ("read-only", "/data/x cannot be written: /data is mounted read-only.")


@pytest.mark.parametrize(
    "said", ["dd: error writing '/data/x': No space left on device", "no space left on device"]
)
def test_a_full_tmpfs_is_named(said: str) -> None:
    told = traced(said, APP, ("/data/x", "create", False), mounts={"/data": "noexec,size=1m"})
    kind, cause, line = first(told)
    assert (kind, line) == ("disk", "--tmpfs /data:size=1g")
    assert "/data is full" in cause
    assert "the disk of the engine is full" in first(traced(said, APP))[1]


def test_sigbus_in_shared_memory() -> None:
    told = traced("", APP, ("/dev/shm/ring", "create", False), status=135)
    assert (first(told)[0], first(told)[2]) == ("shared-memory", "--shm-size 1g")
    assert all(finding.kind != "shared-memory" for finding in traced("", APP, status=135).findings)


def test_what_a_command_makes_itself_is_not_missing() -> None:
    rows = (
        ("/tmp/v", "mkdir", False),
        ("/tmp/v/bin", "mkdir", False),
        ("/tmp/v/bin/python3", "symlink", False),
    )
    told = traced("Failing command: /tmp/v/bin/python3", f"{APP}/tmp/\n", *rows)
    assert told.findings == ()


def test_a_supervised_program_that_is_not_there() -> None:
    """Supervisor itself goes on."""
    said = "INFO spawnerr: can't find command '/opt/web'"
    kind, cause, _ = first(traced(said, APP, status=0))
    assert (kind, cause) == ("command", "/opt/web is not in the image, nor is its directory /opt.")


@pytest.mark.parametrize(
    ("kind", "said", "remedy"),
    [
        ("open-files", "OSError: [Errno 24] Too many open files: '/x'", "--ulimit nofile=65536:65536"),
        ("package-list", "E: Unable to locate package jq", "apt-get update && apt-get install -y"),
        ("package-list", "  jq (no such package):", "apk add --no-cache jq"),
        (
            "set-user-id",
            'sudo: The "no new privileges" flag is set, which',
            "--security-opt no-new-privileges=false",
        ),
    ],
)
def test_a_message_says_it_all(kind: str, said: str, remedy: str) -> None:
    told = first(found(said, APP))
    assert told[0] == kind
    assert told[2].startswith(remedy)


def test_a_library_to_preload() -> None:
    """The program runs without it, and says so."""
    said = "ERROR: ld.so: object '/opt/libj.so.2' from LD_PRELOAD cannot be preloaded (cannot open): ignored."
    known: Any = {"environment": {"LD_PRELOAD": "/opt/libj.so.2"}}
    kind, cause, _ = first(found(said, APP, "/opt/libj.so.2", status=0, **known))
    assert (kind, cause) == ("preload", "LD_PRELOAD names /opt/libj.so.2, which is not in the image.")
    assert first(found(said, APP, "/opt/libj.so.2", status=0, **known))[2] == 'ENV LD_PRELOAD=""'
    moved = found(said, f"{APP}/usr/lib/libj.so.2: x\n", "/opt/libj.so.2", status=0, **known)
    assert first(moved)[2] == "ENV LD_PRELOAD=/usr/lib/libj.so.2"


def test_the_module_of_a_source_of_names() -> None:
    module = "/usr/lib/x86_64-linux-gnu/libnss_ldap.so.2"
    tree = f"{APP}/etc/passwd: root:x:0:0::/:\n/etc/nsswitch.conf: passwd: files ldap\n"
    said = "id: 'whale': no such user"
    kind, cause, line = first(found(said, tree, module, full=f"{module}: x\n"))
    assert kind == "name-service"
    assert "libnss_ldap.so.2 is not in the image" in cause
    assert line.startswith(f"COPY --from=FULL {module}")
    alone = found(said, tree, module)
    assert [finding.kind for finding in alone.findings] == ["user", "name-service"]
    assert [finding.kind for finding in found(said, tree).findings] == ["user"]


def test_a_password_without_shadow() -> None:
    said = "Password: su: Authentication failure"
    tree = f"{APP}/etc/passwd: x\n"
    kind, cause, line = first(found(said, tree, "/etc/shadow"))
    assert (kind, line) == ("authentication", "pwconv")
    assert cause.startswith("/etc/shadow is not in the image")
    assert found(said, f"{tree}/etc/shadow: x\n").findings == ()
    module = "/lib/x86_64-linux-gnu/security/pam_ldap.so"
    assert "pam_ldap.so is not in the image" in first(found(said, f"{tree}/etc/shadow: x\n", module))[1]


def test_a_server_that_refuses_to_be_root() -> None:
    said = '"root" execution of the PostgreSQL server is not permitted.'
    tree = MemoryTree(f"{APP}/etc/passwd: x\n")
    tree.put("/etc/passwd", b"root:x:0:0::/:\npostgres:x:101:101::/:\n")
    program = "/usr/lib/postgresql/15/bin/postgres"
    assert first(traced(said, tree, ("/etc/passwd", "read", True), program=program))[2] == "--user postgres"
    assert first(traced(said, APP))[2] == "--user 1000:1000"


def test_a_database_that_the_user_may_not_write() -> None:
    memory = MemoryTree(f"{APP}/data/app.db: x\n")
    memory.entries["/data"] = replace(memory.entries["/data"], mode=0o755)
    rows = frozenset([Event("/data/app.db", "read", "/bin/app", present=True)])
    said = b"sqlite3.OperationalError: attempt to write a readonly database"
    trace = Trace("t", "i", "p", {}, rows, outcome=Outcome(1, stderr=said))
    told = diagnose(Case("x", View(memory), trace=trace, user=User(7, 7, (7,), "/", "7")))
    assert first(told)[0] == "permission"
    assert first(told)[2] == "chown -R 7:7 /data"
    lost = traced("unable to open database file", APP, ("/data/app.db", "create", False))
    assert first(lost)[2] == "mkdir -p /data"


def test_a_module_that_erlang_loads() -> None:
    said = '{"init terminating in do_boot",{load_failed,[logger_backend,kernel]}}'
    module = "/usr/lib/erlang/lib/kernel-8.5/ebin/logger_backend.beam"
    whole = f"/usr/lib/erlang/lib/stdlib/a: x\n{module}: x\n"
    told = found(said, f"{APP}/usr/lib/erlang/lib/stdlib/a: x\n", module, full=whole)
    place = "/usr/lib/erlang/lib/kernel-8.5/"
    assert first(told)[2] == f"COPY --from=FULL {place} {place}"


def test_a_relative_path_that_nothing_prints() -> None:
    """Rust prints the error and not the path."""
    said = 'no configuration: Os { code: 2, kind: NotFound, message: "No such file or directory" }'
    told = found(said, f"{APP}/app/config/app.toml: x\n", "/config/app.toml")
    assert first(told)[0] == "workdir"
    assert first(told)[2] == "WORKDIR /app"
    assert found(said, APP, "/config/app.toml").findings[0].sure is Sure.LIKELY


def test_a_file_where_a_directory_belongs() -> None:
    told = traced(
        "cat: /www/index.html: No such file or directory",
        f"{APP}/www: x\n",
        ("/www/index.html", "read", False),
    )
    assert first(told)[2] == "mv /www /www.file && mkdir -p /www && mv /www.file /www/index.html"


def test_a_deleted_file_of_the_configuration_needs_more_than_a_new_installation() -> None:
    """dpkg takes the deletion for the administrator's."""
    tree = MemoryTree(f"{APP}{DEBIAN}/var/lib/dpkg/status: x\n/var/lib/dpkg/info/app.list: x\n")
    state = b"Package: app\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"
    tree.put("/var/lib/dpkg/status", state)
    tree.put(
        "/var/lib/dpkg/info/app.list", b"/.\n/etc\n/etc/app.conf\n/usr\n/usr/share\n/usr/share/app.data\n"
    )
    told = traced("cat: /etc/app.conf: No such file or directory", tree, ("/etc/app.conf", "read", False))
    again = "apt-get update && apt-get install -y --reinstall -oDpkg::Options::=--force-confmiss app"
    assert first(told)[2] == again


def test_the_calls_that_a_profile_refuses_are_named() -> None:
    said = "PermissionError: [Errno 1] Operation not permitted"
    rows = '[{"names": ["socket", "bind"], "action": "SCMP_ACT_ERRNO"}]'
    profile = f'seccomp={{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": {rows}}}'
    told = traced(said, APP, security=("no-new-privileges", profile))
    assert "refuses calls (bind, socket)" in first(told)[1]
    assert first(told)[2] == "--security-opt seccomp=unconfined"
    assert traced(said, APP).findings[0].sure is Sure.GUESS
    for other in ("seccomp=[]", "seccomp=" + "[" * 100_000):
        assert traced(said, APP, security=(other,)).findings[0].sure is Sure.GUESS


def test_a_program_that_was_made_on_a_mount_without_exec() -> None:
    told = traced("sh: 1: /work/t: Permission denied", APP, mounts={"/work": "noexec,"}, status=126)
    assert first(told)[0::2] == ("noexec", "--tmpfs /work:exec")


def test_a_socket_in_a_missing_directory() -> None:
    said = "nginx: [emerg] bind() to unix:/run/app/nginx.sock failed (2: No such file or directory)"
    assert (
        first(traced(said, f"{APP}/run/\n", ("/run/app/nginx.sock", "bind", False)))[2] == "mkdir -p /run/app"
    )


def test_directories_are_copied_without_the_files_in_them() -> None:
    said = "x509: certificate signed by unknown authority"
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    told = found(said, APP, "/etc/ssl/certs", bundle, full=f"{bundle}: x\n/etc/ssl/openssl.cnf: x\n")
    assert first(told)[2].count("COPY") == 1
    assert bundle not in first(told)[2]


def test_a_name_in_a_line_to_paste_is_quoted() -> None:
    assert "diagnose 'rootfs:/a b'" in ask("rootfs:/a b")
    nothing = Diagnosis("rootfs:/a b", 1, failed=True, findings=())
    assert "Fix:   tracewhale diagnose 'rootfs:/a b' --against FULL_IMAGE" in render(nothing)
