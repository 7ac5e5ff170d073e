"""The agent records what a program asks for, whatever way it asks."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.probe.tracing import python, trace
from tracewhale.tracing.events import Exec
from tracewhale.tracing.records import AccessRecord

Program = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Directories, a file, and links to them. Its own path has no symbolic link in it."""
    root = tmp_path.resolve()
    (root / "real" / "deep").mkdir(parents=True)
    (root / "real" / "file").write_text("contents")
    (root / "link").symlink_to("real")
    (root / "real" / "alias").symlink_to("file")
    (root / "dangling").symlink_to("nowhere")
    return root


def test_a_path_through_links_has_its_real_path(probe: Path, tree: Path) -> None:
    asked = tree / "link" / "deep" / ".." / "alias"
    traced = python(probe, "import sys; open(sys.argv[1])", asked)
    event = traced.event(asked, "read")
    assert (event.present, event.follow, event.real) == (True, True, str(tree / "real" / "file"))
    assert event.program == os.path.realpath(sys.executable)


def test_a_path_without_links_is_its_own_real_path(probe: Path, tree: Path) -> None:
    traced = python(probe, "import sys; open(sys.argv[1])", tree / "real" / "file")
    assert traced.event(tree / "real" / "file", "read").real == ""


@pytest.mark.parametrize(
    ("spelling", "real"),
    [("real//file", "real/file"), ("real/./file", "real/file"), ("real/deep/", "real/deep")],
)
def test_a_path_spelt_in_another_way_has_its_real_path(
    probe: Path, tree: Path, spelling: str, real: str
) -> None:
    traced = python(probe, "import os, sys; os.stat(sys.argv[1])", f"{tree}/{spelling}")
    assert traced.event(f"{tree}/{spelling}", "stat").real == str(tree / real)


def test_what_is_absent_is_told_too(probe: Path, tree: Path) -> None:
    code = "import os, sys\nfor path in sys.argv[1:]: print(os.path.exists(path))"
    paths = [tree / "absent", tree / "real" / "file" / "below", tree / "dangling"]
    traced = python(probe, code, *paths)
    assert traced.stdout.split() == ["False"] * 3
    for path in paths:
        assert (traced.event(path, "stat").present, traced.event(path, "stat").real) == (False, "")


def test_the_final_link_is_not_followed_where_the_call_does_not(probe: Path, tree: Path) -> None:
    traced = python(
        probe, "import os, sys; os.lstat(sys.argv[1]); os.readlink(sys.argv[1])", tree / "dangling"
    )
    for access in ("stat", "readlink"):
        event = traced.event(tree / "dangling", access)
        assert (event.present, event.follow, event.real) == (True, False, "")


def test_relative_paths_are_in_the_directory_of_that_moment(probe: Path, tree: Path) -> None:
    code = """
import os, sys
open("real/file")
os.chdir("link")
os.stat("alias")
os.stat("../link/file")
fd = os.open("deep", os.O_RDONLY)
os.stat("name", dir_fd=fd) if os.access("name", 0, dir_fd=fd) else None
os.fchdir(fd)
os.access("here", os.F_OK)
"""
    traced = python(probe, code, cwd=tree)
    assert traced.event(tree / "real/file", "read").present
    assert traced.event(tree / "link", "chdir").real == str(tree / "real")
    assert traced.event(tree / "real/alias", "stat").real == str(tree / "real/file")
    assert traced.event(tree / "real/../link/file", "stat").real == str(tree / "real/file")
    assert not traced.event(tree / "real/deep/name", "access").present
    assert not traced.event(tree / "real/deep/here", "access").present


def test_a_working_directory_that_was_removed(probe: Path, tree: Path) -> None:
    code = "import os; os.chdir('real/deep'); os.rmdir('../deep'); print(os.path.exists('x'))"
    traced = python(probe, code, cwd=tree)
    assert traced.stdout == "False\n"
    assert not traced.event(tree / "real/deep/x", "stat").present


def test_every_kind_of_access(probe: Path, tree: Path) -> None:
    code = """
import os
os.mkdir("a"); os.rename("a", "b"); os.link("real/file", "c"); os.symlink("text", "d"); os.mkfifo("e")
os.truncate("c", 1); os.chmod("c", 0o600); os.utime("c"); os.chown("d", 0, 0, follow_symlinks=False)
os.unlink("c"); os.rmdir("b"); os.statvfs("real"); os.listdir("real"); os.listxattr("real/file")
open("f", "w"); open("real/file", "r+"); os.open("real", os.O_TMPFILE | os.O_WRONLY)
os.close(os.open("real/alias", os.O_PATH | os.O_NOFOLLOW))
os.posix_spawn("/bin/true", ["true"], {}); os.wait()
"""
    asked = python(probe, code, cwd=tree).asked
    expected = {
        *{("mkdir", "a"), ("rename-from", "a"), ("rename-to", "b"), ("link-from", "real/file")},
        *{("link-to", "c"), ("symlink", "d"), ("mknod", "e"), ("truncate", "c"), ("attributes", "c")},
        *{("attributes", "d"), ("unlink", "c"), ("unlink", "b"), ("statfs", "real"), ("list", "real")},
        *{("xattr", "real/file"), ("create", "f"), ("write", "real/file"), ("write", "real")},
        ("stat", "real/alias"),
    }
    assert {(access, f"{tree}/{path}") for access, path in expected} <= asked
    assert ("exec", "/bin/true") in asked
    assert ("symlink", f"{tree}/text") not in asked


def test_a_descriptor_names_nothing(probe: Path, tree: Path) -> None:
    """AT_EMPTY_PATH and NULL paths; the counters call them ignored."""
    code = """
import os
fd = os.open("real/file", os.O_RDWR)
before = len(os.listdir("/proc/self/fd"))
for _ in range(1000): os.utime(fd)
"""
    traced = python(probe, code, cwd=tree)
    assert traced.collector.counters.ignored >= 1000
    assert not traced.collector.unresolved
    assert ("attributes", str(tree / "real/file")) not in traced.asked


def test_a_chroot_is_told_with_its_paths(probe: Path, tree: Path) -> None:
    (tree / "real" / "inside").symlink_to("/file")
    code = """
import os, sys
os.listdir("deep")
os.chroot(".")
os.stat("/file"); os.stat("/inside"); os.stat("deep")
os.chdir("/deep"); os.stat("../file")
os.access("/absent", 0)
"""
    traced = python(probe, code, cwd=tree / "real")
    root = str(tree / "real")
    assert traced.event(f"{root}/.", "chroot").root == "/"
    assert traced.event("/file", "stat").root == root
    assert traced.event("/inside", "stat").real == f"{root}/file"
    assert traced.event("/deep", "stat").root == root
    assert traced.event("/deep/../file", "stat").real == f"{root}/file"
    assert not traced.event("/absent", "access").present
    assert traced.event("/absent", "access").root == root


def test_threads_with_directories_of_their_own(probe: Path, program: Program) -> None:
    threads = program("threads")
    traced = trace(probe, [str(threads), str(threads)], cwd=Path("/"))
    assert traced.status == 0, traced.stderr
    stats = {path for access, path in traced.asked if access == "stat"}
    assert {"/usr/in-the-shared", "/usr/from-the-first"} <= stats
    assert {"/etc/in-its-own", "/usr/still-from-the-first"} <= stats


def test_a_thread_that_executes_is_the_new_program(probe: Path, program: Program, tmp_path: Path) -> None:
    copy = tmp_path.resolve() / "copy"
    shutil.copy(program("threads"), copy)
    traced = trace(probe, [str(program("threads")), str(copy)])
    assert traced.status == 0
    assert traced.event("/asked/after-the-exec", "stat").program == str(copy)


def test_scripts_and_what_they_execute(probe: Path, tree: Path) -> None:
    script = tree / "script"
    script.write_text("#!/bin/sh\n./again\n/bin/true\n")
    (tree / "again").write_text("#!/bin/sh\nread line < real/file\n")
    script.chmod(0o755)
    (tree / "again").chmod(0o755)
    environment = {"PATH": "/usr/bin", "LD_LIBRARY_PATH": "/a:/b", "NOT_LD_X": "1", "LD_BIND_NOW": ""}
    traced = trace(probe, [str(script)], env=environment, cwd=tree)
    assert traced.status == 0, traced.stderr
    shell = os.path.realpath("/bin/sh")
    loader = (("LD_BIND_NOW", ""), ("LD_LIBRARY_PATH", "/a:/b"))
    execs = {(e.path, tuple(sorted(e.loader_environment))) for e in traced.collector.execs}
    assert execs == {(path, loader) for path in (str(script), f"{tree}/./again", "/bin/true")}
    assert traced.event(f"{tree}/./again", "exec").program == shell
    assert traced.event(tree / "real/file", "read").program == shell


def test_an_exec_that_fails_is_an_access_and_no_exec(probe: Path, tree: Path) -> None:
    code = """
import os, sys
for path in ("absent", "real/file"):
    try: os.execv(path, ["x"])
    except OSError as error: print(error.errno)
"""
    traced = python(probe, code, cwd=tree)
    assert traced.stdout.split() == ["2", "13"]
    assert not traced.event(tree / "absent", "exec").present
    assert traced.event(tree / "real/file", "exec").present
    assert Exec(str(tree / "absent")) not in traced.collector.execs


def test_a_program_executed_by_its_descriptor(probe: Path) -> None:
    code = "import os; os.execve(os.open('/bin/true', os.O_RDONLY), ['true'], {'LD_X': '1'})"
    traced = python(probe, code)
    assert Exec(os.path.realpath("/bin/true"), (("LD_X", "1"),)) in traced.collector.execs


def test_spawned_children(probe: Path) -> None:
    """subprocess uses vfork, os.fork forks."""
    code = """
import os, subprocess
for _ in range(20): subprocess.run(["/bin/true"], check=True)
for n in range(20):
    if not os.fork(): os.access(f"/forked/{n}", 0); os._exit(0)
    os.wait()
"""
    traced = python(probe, code)
    assert {("access", f"/forked/{n}") for n in range(20)} <= traced.asked
    children = {r.pid for r in traced.records if isinstance(r, AccessRecord) and r.path.startswith("/forked")}
    assert len(children) == 20


@pytest.mark.parametrize("name", ["stream", "datagram"])
def test_sockets_in_the_file_system(probe: Path, tree: Path, name: str) -> None:
    code = """
import socket, sys
kind = {"stream": socket.SOCK_STREAM, "datagram": socket.SOCK_DGRAM}[sys.argv[1]]
def make(): return socket.socket(socket.AF_UNIX, kind)
a, b, c = make(), make(), make()
a.bind("made"); b.bind("\\0abstract-" + sys.argv[2])
if kind == socket.SOCK_STREAM: a.listen()
make().connect("made")
try: make().connect("real/none")
except OSError: pass
socket.socket().bind(("127.0.0.1", 0))
try: socket.socket().connect(("127.0.0.1", 1))
except OSError: pass
"""
    traced = python(probe, code, name, tree.name, cwd=tree)
    assert not traced.event(tree / "made", "bind").present
    assert traced.event(tree / "made", "connect").present
    assert not traced.event(tree / "real/none", "connect").present
    assert {access for access, path in traced.asked if "abstract" in path} == set()
    assert not traced.collector.unresolved


def test_strings_at_the_edges_of_memory(probe: Path, program: Program) -> None:
    traced = trace(probe, [str(program("edges"))])
    assert traced.status == 0
    paths = {path for access, path in traced.asked if access == "stat"}
    assert {"/edge/last-in-the-page", "/edge/across-two-pages"} <= paths
    assert any(path.endswith("edge/after-many-slashes") and len(path) == 3999 for path in paths)
    reasons = {(failure.reason, failure.count) for failure in traced.collector.unresolved}
    assert reasons == {("Bad address", 2), ("Filename too long", 1)}
    assert traced.collector.counters.unresolved == 3


def test_a_program_of_32_bits(probe: Path, program: Program) -> None:
    narrow = program("narrow", "-target", "x86-linux-musl", "-nostdlib", "-ffreestanding", "-fno-builtin")
    traced = trace(probe, [str(narrow)], ["--deny-added", f"{1 << 21:x}"], cwd=Path("/"))
    assert traced.status == 3, "mount and clone3 of i386 are denied"
    expected = {
        ("read", "/narrow/open"),
        ("read", "/narrow/openat"),
        ("stat", "/narrow/stat64"),
        ("link-from", "/narrow/from"),
        ("link-to", "/narrow/to"),
        ("connect", "/narrow/socket"),
    }
    assert expected <= traced.asked
    assert {path for _, path in traced.asked if "narrow/" in path} == {path for _, path in expected}


def test_numbers_of_x32(probe: Path) -> None:
    """Where the kernel has no x32 the calls fail, after the filter has seen them."""
    code = "import ctypes; libc = ctypes.CDLL(None); bit = 1 << 30\n"
    code += "libc.syscall(bit | 257, -100, b'/x32/openat', 0); libc.syscall(bit | 520, b'/x32/execve', 0, 0)"
    assert {("read", "/x32/openat"), ("exec", "/x32/execve")} <= python(probe, code).asked


def test_signals_restart_no_call(probe: Path, program: Program) -> None:
    traced = trace(probe, [str(program("storm")), "2000"])
    assert traced.status == 0
    counters = traced.collector.counters
    assert counters.repeated >= 1999
    assert not traced.collector.unresolved


def test_two_paths_of_a_call_are_one_notification(probe: Path, tree: Path) -> None:
    traced = python(probe, "import os; os.rename('real/file', 'moved')", cwd=tree)
    (old,) = traced.accesses(tree / "real/file")
    (new,) = traced.accesses(tree / "moved")
    assert old.received == new.received
    assert (old.present, new.present) == (True, False)


OPENAT2 = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
def openat2(directory, path, flags, resolve):
    how = struct.pack("<QQQ", flags, 0, resolve)
    return libc.syscall(437, directory, path.encode(), how, len(how))
directory = os.open("real", os.O_RDONLY)
wanted = ("/alias", 0, 0x10), ("alias", 0, 0), ("deep", os.O_PATH, 8)
print([openat2(directory, *arguments) >= 0 for arguments in wanted])
"""


def test_openat2(probe: Path, tree: Path) -> None:
    """0x10 is RESOLVE_IN_ROOT: "/" is the directory of the descriptor."""
    traced = python(probe, OPENAT2, cwd=tree)
    assert traced.stdout == "[True, True, True]\n"
    assert traced.event(tree / "real/alias", "read").real == str(tree / "real/file")
    assert traced.event(tree / "real/deep", "stat").present
    assert ("read", "/alias") not in traced.asked


def test_a_mount_namespace_of_its_own(probe: Path, tree: Path) -> None:
    """The records show paths as the process sees them."""
    code = """
import os, subprocess, sys
if not os.path.exists("hidden/file"):
    mount = ["unshare", "--mount", "/bin/sh", "-ec", 'mount --bind real hidden; exec "$@"', "sh"]
    code = "import os; print(os.path.exists('hidden/alias'))"
    os.execvp(mount[0], [*mount, sys.executable, "-I", "-S", "-c", code])
"""
    (tree / "hidden").mkdir()
    traced = python(probe, code, cwd=tree)
    assert traced.stdout == "True\n"
    assert not traced.event(tree / "hidden/file", "stat").present
    assert traced.event(tree / "hidden/alias", "stat").present


def test_proc_self_is_the_process_itself(probe: Path) -> None:
    code = "import os; os.stat('/proc/self/exe'); os.stat('/proc/thread-self/cwd'); os.stat('/dev/stdin')"
    traced = python(probe, code, cwd=Path("/usr/share"))
    assert traced.event("/proc/self/exe", "stat").real == os.path.realpath(sys.executable)
    assert traced.event("/proc/thread-self/cwd", "stat").real == "/usr/share"
    assert (traced.event("/dev/stdin", "stat").present, traced.event("/dev/stdin", "stat").real) == (True, "")
