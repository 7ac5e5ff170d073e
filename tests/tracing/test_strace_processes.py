"""Logs of strace: directories, roots, programs and threads of the processes in them."""

from __future__ import annotations

import pytest

from tests.tracing.strace_logs import ROOT, asked, log, trace
from tracewhale.errors import TraceFileError
from tracewhale.tracing.events import Exec
from tracewhale.tracing.strace import Log, Start, parse


def test_a_path_is_relative_to_where_its_call_began() -> None:
    found = trace(
        """
        12 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD) = 13
        12 stat("x",  <unfinished ...>
        13 chdir("/new") = 0
        12 <... stat resumed>{...}) = 0
        12 stat("y", {...}) = 0
        """
    )
    assert {path for path, access, _ in asked(found) if access == "stat"} == {"/start/x", "/new/y"}


@pytest.mark.parametrize(
    ("clone", "where"),
    [
        ("fork() = 13", "/start"),
        ("vfork() = 13", "/start"),
        ("clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7f) = 13", "/start"),
        ("clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 13", "/elsewhere"),
        ("clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES, stack=0x7f} => {parent_tid=[13]}, 88) = 13",
         "/elsewhere"),
        ("clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD, stack=0x7f}, 88) = 13", "/start"),
        ("fork() = 2 /* 13 in strace's PID NS */", "/start"),
    ],
)  # fmt: skip
def test_who_shares_a_directory(clone: str, where: str) -> None:
    found = trace(f'12 {clone}\n13 chdir("/elsewhere") = 0\n12 stat("x", {{...}}) = 0\n')
    assert f"{where}/x" in {event.path for event in found.events}


def test_directories_of_descriptors() -> None:
    found = trace(
        """
        12 open("/usr", O_RDONLY|O_DIRECTORY) = 3
        12 openat(3, "lib", O_RDONLY) = 4
        12 dup2(4, 9) = 9
        12 fcntl(4, F_DUPFD_CLOEXEC, 20) = 20
        12 close(4) = 0
        12 newfstatat(9, "a", {...}, 0) = 0
        12 newfstatat(20, "./b", {...}, 0) = 0
        12 getdents64(3, 0x55 /* 9 entries */, 32768) = 240
        12 fchdir(9) = 0
        12 stat("c", {...}) = 0
        12 stat(".", {...}) = 0
        12 getcwd("/usr/lib64", 4096) = 11
        12 stat("d", {...}) = 0
        12 execveat(20, "", ["x"], 0x7f /* 1 var */, AT_EMPTY_PATH) = 0
        """
    )
    assert {(path, access) for path, access, _ in asked(found)} == {
        ("/usr", "read"),
        ("/usr/lib", "read"),
        ("/usr/lib/a", "stat"),
        ("/usr/lib/./b", "stat"),
        ("/usr", "list"),
        ("/usr/lib/c", "stat"),
        ("/usr/lib/.", "stat"),
        ("/usr/lib64/d", "stat"),
        ("/usr/lib", "exec"),
    }


def test_what_y_tells_is_believed() -> None:
    found = trace(
        """
        12 openat(AT_FDCWD</home/me>, "x", O_RDONLY) = 3</home/me/X>
        12 newfstatat(7</srv/a b>, "y", {...}, 0) = 0
        12 newfstatat(7</gone>(deleted), "z", {...}, 0) = -1 ENOENT (x)
        12 newfstatat(7</gone (deleted)>, "z", {...}, 0) = -1 ENOENT (x)
        12 getdents64(8</list>, 0x55 /* 0 entries */, 32768) = 0
        12 stat("later", {...}) = 0
        12 openat(AT_FDCWD</home/me>, "/dev/null", O_RDWR) = 4</dev/null<char 1:3>>
        12 connect(5<UNIX-STREAM:[12->34]>, {sa_family=AF_UNIX, sun_path="s"}, 110) = 0
        """,
        Start(),
    )
    assert {(event.path, event.real) for event in found.events} == {
        ("/home/me/x", "/home/me/X"),
        ("/srv/a b/y", ""),
        ("/gone/z", ""),
        ("/list", ""),
        ("/home/me/later", ""),
        ("/dev/null", ""),
        ("/home/me/s", ""),
    }


def test_roots() -> None:
    found = trace(
        """
        12 chdir("/jail/app") = 0
        12 chroot("/jail") = 0
        12 stat("x", {...}) = 0
        12 stat("/etc/y", {...}) = 0
        12 chdir("/") = 0
        12 stat("z", {...}) = 0
        12 execve("/bin/sh", ["sh"], 0x7f /* 0 vars */) = 0
        12 fork() = 13
        13 stat("/w", {...}) = 0
        """
    )
    assert {(event.path, event.root) for event in found.events if event.access in ("stat", "exec")} == {
        ("/app/x", "/jail"),
        ("/etc/y", "/jail"),
        ("/z", "/jail"),
        ("/bin/sh", "/jail"),
        ("/w", "/jail"),
    }
    assert found.execs == {Exec("/jail/bin/sh")}
    assert {event.program for event in found.events if event.path == "/w"} == {"/jail/bin/sh"}


def test_programs() -> None:
    found = trace(
        """
        12 execve("bin/a", ["a"], ["PATH=/bin", "LD_LIBRARY_PATH=/a:/b", "LD_DEBUG=x=y"]) = 0
        12 stat("/1", {...}) = 0
        12 fork() = 13
        13 stat("/2", {...}) = 0
        13 execve("/bin/none", ["none"], 0x7f /* 2 vars */) = -1 ENOENT (No such file or directory)
        13 execve("/bin/b", ["b"], 0x7f /* 2 vars */) = 0
        13 stat("/3", {...}) = 0
        12 stat("/4", {...}) = 0
        """
    )
    programs = {event.path: event.program for event in found.events if event.access == "stat"}
    assert programs == {"/1": "/start/bin/a", "/2": "/start/bin/a", "/3": "/bin/b", "/4": "/start/bin/a"}
    assert found.execs == {
        Exec("/start/bin/a", (("LD_LIBRARY_PATH", "/a:/b"), ("LD_DEBUG", "x=y"))),
        Exec("/bin/b"),
    }


def test_a_threads_execve_goes_on_as_the_first_of_its_group() -> None:
    found = trace(
        """
        12 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 13
        13 execve("/bin/b", ["b"], 0x7f /* 2 vars */ <pid changed to 12 ...>
        12 +++ superseded by execve in pid 13 +++
        12 <... execve resumed>)             = 0
        12 stat("x", {...}) = 0
        """
    )
    event = next(event for event in found.events if event.access == "stat")
    assert (event.path, event.program) == ("/start/x", "/bin/b")


@pytest.mark.parametrize(
    "killed",
    [
        "12 ???()                             = ?\n12 +++ superseded by execve in pid 13 +++",
        "12 ???(12 +++ superseded by execve in pid 13 +++",
        "[pid    12] ???([pid    12] +++ superseded by execve in pid 13 +++",
        "12 ???( <unfinished ...>\n12 <... ??? resumed>) = ?\n12 +++ superseded by execve in pid 13 +++",
        '12 ???(12 ???(12 stat("/kept", {...}) = 0',
    ],
)
def test_a_thread_that_is_killed_on_its_way_into_a_call(killed: str) -> None:
    lines = ["12 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 13"]
    lines += ['13 execve("/bin/b", ["b"], 0x7f /* 2 vars */ <pid changed to 12 ...>', *killed.splitlines()]
    lines += ["12 <... execve resumed>)             = 0", '12 stat("x", {...}) = 0']
    found = trace("\n".join(lines) + "\n")
    assert {event.path for event in found.events if event.access == "stat"} - {"/kept"} == {"/start/x"}
    assert ("/kept" in {event.path for event in found.events}) == ("/kept" in killed)


@pytest.mark.parametrize(
    "last",
    [
        '12 openat(AT_FDCWD</start>, "x", O_RDONLY <detached ...>',
        '12 openat(AT_FDCWD</start>, "x", O_RDONLY <unfinished ...>\n12 <... openat resumed> <detached ...>',
        '12 openat(AT_FDCWD</start>, "x", O_RDONLY <unfinished ...>\n12 +++ killed by SIGKILL +++',
        '12 openat(AT_FDCWD</start>, "x", O_RDONLY <unfinished ...>\n12 <... openat  <unfinished ...>',
        '12 openat(AT_FDCWD, "x", O_RDONLY <unfinished ...>\n12 +++ killed by SIGKILL +++\n13 fork() = 12',
        '12 openat(AT_FDCWD, "x", 0 <unfinished ...>\n13 execve("/b", [], NULL <pid changed to 12 ...>',
    ],
)
def test_a_call_that_never_returned_was_asked_for(last: str) -> None:
    found = trace(f"12 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_THREAD) = 13\n{last}\n")
    assert ("/start/x", "read", False) in asked(found)


def test_numbers_are_used_again() -> None:
    found = trace(
        """
        12 fork() = 13
        13 chdir("/one") = 0
        13 +++ exited with 0 +++
        12 chdir("/two") = 0
        12 fork() = 13
        13 stat("x", {...}) = 0
        """
    )
    assert "/two/x" in {event.path for event in found.events}


def test_lines_without_a_number_while_there_is_one_process() -> None:
    found = trace(
        """
        execve("/bin/sh", ["sh"], 0x7f /* 0 vars */) = 0
        chdir("/a") = 0
        vfork(strace: Process 13 attached
         <unfinished ...>
        [pid    13] chdir("/b") = 0
        [pid    12] <... vfork resumed>) = 13
        [pid    12] wait4(-1,  <unfinished ...>
        [pid    13] stat("x", {...}) = 0
        [pid    13] +++ exited with 0 +++
        <... wait4 resumed>[{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 13
        stat("y", {...}) = 0
        clone(child_stack=NULL, flags=SIGCHLD) = 14
        wait4(-1, strace: Process 14 attached
         <unfinished ...>
        [pid    14] stat("z", {...}) = 0
        """
    )
    assert {event.path for event in found.events if event.access == "stat"} == {"/b/x", "/a/y", "/a/z"}


PARENT = """
    execve("/bin/p", ["p"], 0x7f /* 0 vars */) = 0
    chdir("/a") = 0
    fork() = 9
    chdir("/b") = 0
    fork() = 300
    stat("p", {...}) = 0
    +++ exited with 0 +++
    """


def test_a_log_for_each_process() -> None:
    logs = [
        log('stat("y", {...}) = 0\n', "log.300"),
        log('stat("x", {...}) = 0\nfork() = 11\nchdir("/c") = 0\n', "log.9"),
        log(PARENT, "log.10"),
        log('stat("z", {...}) = 0\n', "log.11"),
    ]
    found = parse(logs, first=ROOT)
    stats = {event.path: event.program for event in found.events if event.access == "stat"}
    assert stats == dict.fromkeys(("/a/x", "/b/y", "/b/p", "/a/z"), "/bin/p")


THREAD = (
    'clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD) = 11\n{}stat("x", 0x7f) = 0\n'
)


def test_threads_that_move_in_logs_without_times() -> None:
    def logs(*moves: str) -> list[Log]:
        return [log(THREAD.format(moves[0]), "log.10"), log(moves[1] + 'stat("y", 0x7f) = 0\n', "log.11")]

    assert {event.path for event in parse(logs("", ""), first=ROOT).events} == {"/start/x", "/start/y"}
    for moves in (('chdir("/a") = 0\n', ""), ("", 'chdir("/a") = 0\n')):
        with pytest.raises(TraceFileError, match="threads change"):
            parse(logs(*moves), first=ROOT)


def test_threads_that_move_in_logs_with_times() -> None:
    first = "clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD) = 11"
    logs = [
        log(f'23:59:58.1 {first}\n00:00:02.5 stat("x", 0x7f) = 0\n', "log.10"),
        log('23:59:59.0 stat("y", 0x7f) = 0\n00:00:01.0 chdir("/a") = 0\n', "log.11"),
    ]
    found = parse(logs, first=ROOT)
    assert {event.path for event in found.events} == {"/start/y", "/a", "/a/x"}


def test_processes_that_were_there_before() -> None:
    starts = {
        12: Start("/srv", "/", "/bin/a", {5: "/data"}),
        13: Start("/jail/x", "/jail", "/bin/b"),
    }
    found = parse(
        [log('12 stat("1", 0x7f) = 0\n13 stat("2", 0x7f) = 0\n12 openat(5, "3", O_RDONLY) = 6\n')],
        starts=starts,
    )
    assert {(event.path, event.root, event.program) for event in found.events} == {
        ("/srv/1", "/", "/bin/a"),
        ("/x/2", "/jail", "/bin/b"),
        ("/data/3", "/", "/bin/a"),
    }
