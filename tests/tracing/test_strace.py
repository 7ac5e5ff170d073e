"""Logs of strace, line by line as its versions write them: what they tell, and what is refused."""

from __future__ import annotations

import pytest

from tests.tracing.strace_logs import asked, only, trace
from tracewhale.errors import TraceFileError
from tracewhale.tracing.strace import Start


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC) = 3', ("/a", "read", True)),
        ('openat(AT_FDCWD, "/a", O_RDONLY) = -1 ENOENT (No such file or directory)', ("/a", "read", False)),
        ('openat(AT_FDCWD, "/a/b", O_RDONLY) = -1 ENOTDIR (Not a directory)', ("/a/b", "read", False)),
        ('openat(AT_FDCWD, "/a", O_RDWR) = -1 EACCES (Permission denied)', ("/a", "write", True)),
        ('openat(AT_FDCWD, "/a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3', ("/a", "create", True)),
        ('openat(AT_FDCWD, "/a", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3', ("/a", "create", False)),
        ('openat(AT_FDCWD, "/a", O_WRONLY|O_CREAT|O_EXCL, 0666) = -1 EEXIST (x)', ("/a", "create", True)),
        ('openat(AT_FDCWD, "/a", O_RDONLY|O_PATH) = 3', ("/a", "stat", True)),
        ('openat(AT_FDCWD, "/a", O_RDWR|O_TMPFILE, 0600) = 3', ("/a", "write", True)),
        ('openat2(AT_FDCWD, "/a", {flags=O_RDWR, resolve=RESOLVE_NO_XDEV}, 24) = 3', ("/a", "write", True)),
        ('open("/a", O_RDONLY)                    = 3', ("/a", "read", True)),
        ('creat("/a", 0644) = 3', ("/a", "create", True)),
        ('stat("/a", {st_mode=S_IFREG|0755, st_size=1, ...}) = 0', ("/a", "stat", True)),
        ('newfstatat(AT_FDCWD, "/a", {st_mode=S_IFDIR|0755, ...}, 0) = 0 <0.000012>', ("/a", "stat", True)),
        ('access("/a", R_OK) = -1 ENOENT (No such file or directory)', ("/a", "access", False)),
        ('readlink("/a", 0x7ffd3c70, 4095) = -1 EINVAL (Invalid argument)', ("/a", "readlink", True)),
        ('readlink("/a", "b", 4095) = 1', ("/a", "readlink", True)),
        ('mkdir("/a", 0777) = 0', ("/a", "mkdir", False)),
        ('mkdir("/a", 0777) = -1 EEXIST (File exists)', ("/a", "mkdir", True)),
        ('symlink("target", "/a") = 0', ("/a", "symlink", False)),
        ('symlinkat("target", AT_FDCWD, "/a") = 0', ("/a", "symlink", False)),
        ('unlinkat(AT_FDCWD, "/a", AT_REMOVEDIR) = 0', ("/a", "unlink", True)),
        ('connect(3, {sa_family=AF_UNIX, sun_path="/a"}, 110) = -1 ENOENT (x)', ("/a", "connect", False)),
        ('bind(3, {sa_family=AF_UNIX, sun_path="/a"}, 110) = 0', ("/a", "bind", False)),
        ('mount("proc", "/a", "proc", 0, NULL) = 0', ("/a", "mount", True)),
        ('inotify_add_watch(3, "/a", IN_MODIFY) = 1', ("/a", "watch", True)),
        ('execve("/a", ["a", "x"], 0x7ffd92 /* 36 vars */) = 0', ("/a", "exec", True)),
        ('execve("/a", ["a"], 0x7ffd92 /* 36 vars */) = -1 ENOENT (x)', ("/a", "exec", False)),
        ('getxattr("/a", "security.capability", 0x7ffd, 20) = -1 ENODATA (x)', ("/a", "xattr", True)),
        ('chdir("/a") = 0', ("/a", "chdir", True)),
        ('utimensat(AT_FDCWD, "/a", [UTIME_NOW, UTIME_NOW], 0) = 0', ("/a", "attributes", True)),
        ('openat(AT_FDCWD, "/a", O_RDONLY <unfinished ...>', ("/a", "read", False)),
        ('openat(AT_FDCWD, "/a", O_RDONLY) = ? ERESTARTSYS (To be restarted)', ("/a", "read", False)),
        ('exit_group(0)                           = ?\n+++ exited with 0 +++\naccess("/a", 0) = 0',
         ("/a", "access", True)),
    ],
)  # fmt: skip
def test_calls(line: str, expected: tuple[str, str, bool]) -> None:
    assert asked(trace(f"{line}\n")) == [expected]


@pytest.mark.parametrize(
    ("line", "follow"),
    [
        ('stat("/a", {...}) = 0', True),
        ('lstat("/a", {...}) = 0', False),
        ('newfstatat(AT_FDCWD, "/a", {...}, AT_SYMLINK_NOFOLLOW) = 0', False),
        ('newfstatat(AT_FDCWD, "/a", {...}, 0x900) = 0', False),
        ('fstatat64(AT_FDCWD, "/a", {...}, AT_SYMLINK_NOFOLLOW) = 0', False),
        ('statx(AT_FDCWD, "/a", AT_STATX_SYNC_AS_STAT|AT_SYMLINK_NOFOLLOW, STATX_ALL, {...}) = 0', False),
        ('openat(AT_FDCWD, "/a", O_RDONLY|O_NOFOLLOW) = -1 ELOOP (x)', False),
        ('umount2("/a", UMOUNT_NOFOLLOW) = 0', False),
        ('readlink("/a", "x", 9) = 1', False),
    ],
)
def test_final_links(line: str, follow: bool) -> None:
    assert only(f"{line}\n").follow is follow


@pytest.mark.parametrize(
    "line",
    [
        'newfstatat(3, "", {st_mode=S_IFREG|0755, ...}, AT_EMPTY_PATH) = 0',
        "utimensat(3, NULL, [UTIME_NOW, UTIME_NOW], 0) = 0",
        'connect(3, {sa_family=AF_UNIX, sun_path=@"/tmp/.X11-unix/X0"}, 20) = 0',
        'connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("1.1.1.1")}, 16) = 0',
        "bind(3, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0",
    ],
)
def test_what_names_nothing_is_ignored(line: str) -> None:
    found = trace(f'{line}\nstat("/a", {{...}}) = 0\n')
    assert asked(found) == [("/a", "stat", True)]
    assert (found.counters.received, found.counters.ignored) == (2, 1)


def test_a_bad_address_is_unresolved() -> None:
    found = trace("stat(0x8, 0x7ffd) = -1 EFAULT (Bad address)\nstat(NULL, 0x7f) = -1 EFAULT (x)\n")
    assert [(each.access, each.reason, each.count) for each in found.unresolved] == [
        ("stat", "Bad address", 2)
    ]
    assert (found.counters.unresolved, found.counters.ignored) == (2, 0)


def test_a_path_that_is_too_long_for_the_kernel_is_unresolved() -> None:
    found = trace(f'stat("{"/" * 4095}"..., 0x7f) = -1 ENAMETOOLONG (File name too long)\n')
    assert [each.reason for each in found.unresolved] == ["File name too long"]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (r"/\303\244 \"\\\n\t", '/ä "\\\n\t'),
        (r"/\x2f\x61", "//a"),
        (r"/a\0571", "/a/1"),
        (r"/\3774", "/\udcff4"),
        (r"/a, b) = 3 <unfinished ...> {[(", "/a, b) = 3 <unfinished ...> {[("),
        ("/" + "x" * 4000, "/" + "x" * 4000),
    ],
)
def test_escapes(text: str, path: str) -> None:
    assert only(f'openat(AT_FDCWD, "{text}", O_RDONLY) = 3\n').path == path


@pytest.mark.parametrize(
    "head",
    [
        "",
        "12  ",
        "[pid    12] ",
        "12<sh> ",
        "[pid 12<sh>] ",
        "12:00:01 ",
        "12 12:00:01.000001 ",
        "12 1700000000.123456 ",
        "     0.000123 ",
        "12      0.000123 ",
        "1700000000.123456 (+     0.000123) ",
        "[00007f6ad5d0a0d7] ",
        "[????????????????] ",
        "12 [ 257] [00007f6ad5d0a0d7] ",
        "[pid    12] 12:00:01 [00007f6ad5d0a0d7] ",
    ],
)
@pytest.mark.parametrize("tail", ["", " <0.000012>", "</usr/a>", "</usr/a> <0.000012>", "</usr/a> (DELAYED)"])
def test_prefixes_and_suffixes(head: str, tail: str) -> None:
    event = only(f'{head}openat(AT_FDCWD, "/a", O_RDONLY) = 3{tail}\n')
    assert (event.path, event.present) == ("/a", True)
    assert event.real == ("/usr/a" if "usr" in tail else "")


def test_lines_that_are_no_calls() -> None:
    found = trace(
        """
        strace: Process 12 attached
        [pid 12] --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=13} ---
        strace: [ Process PID=12 runs in 32 bit mode. ]
        [ Process PID=12 runs in x32 mode. ]
        [pid 12] rt_sigreturn({mask=[]}) = 13
         > /usr/lib/libc.so.6(open64+0x5) [0xf7a50]
        [pid 12] stat("/a", {...}) = 0
        [pid 12] +++ killed by SIGSEGV (core dumped) +++
        """
    )
    assert asked(found) == [("/a", "stat", True)]


def test_calls_that_others_cut_in_two() -> None:
    found = trace(
        """
        12 vfork( <unfinished ...>
        13 chdir("/usr" <unfinished ...>
        14 stat("/b",  <unfinished ...>
        13 <... chdir resumed>)              = 0
        13 openat(AT_FDCWD, "x", O_RDONLY <unfinished ...>
        14 <... stat resumed> 0x7ffd)        = -1 ENOENT (No such file or directory)
        12 <... vfork resumed>)              = 13
        13 <... openat resumed>) = 3
        12 stat("y", {...}) = 0
        12 wait4(-1,  <unfinished ...>
        """
    )
    assert asked(found) == [
        ("/b", "stat", False),
        ("/start/y", "stat", True),
        ("/usr", "chdir", True),
        ("/usr/x", "read", True),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no system call"),
        ("read(0, 0x7f, 1) = 1\n", "no system call"),
        ("hello world\n", "line 1 is not one of strace's"),
        ('12 stat("/a", 0x7f) = 0\n% time     seconds  usecs/call     calls    errors syscall\n', "line 2"),
        ('12 stat("x", 0x7f) = 0\n', "working directory that the log does not show"),
        ('12 newfstatat(5, "x", 0x7f, 0) = 0\n', "descriptor 5"),
        ("12 getdents64(5, 0x55, 32768) = 0\n", "descriptor 5"),
        ('12 chdir("/") = 0\n12 stat("/a", 0x7f) = -1 ENO', "line 2 is cut"),
        ('12 stat("/a"\n', "is cut"),
        ('12 stat("/a", 0x7f)\n', "has no result"),
        ('12 stat("/aaaaaaaa"..., 0x7f) = 0\n', "path that is cut"),
        ("12 stat(0x7ffd1234, 0x7ffd1234) = 0\n", "address in place"),
        ('12 openat(AT_FDCWD, "/a") = 3\n', "has no flags"),
        ("12 openat(AT_FDCWD) = 3\n", "has no argument 2"),
        ('12 openat(nonsense, "a", O_RDONLY) = 3\n', "in place of a file descriptor"),
        ('12 stat("/a",  <unfinished ...>\n12 <... open resumed>) = 3\n', "continues open"),
        ('12 pivot_root("/new", "/new/old") = 0\n', "other mounts"),
        ('12 setns(3, CLONE_NEWNS) = 0\n', "other mounts"),
        ('12 stat("/a", 0x7f) = 0\n13 stat("/b", 0x7f) = 0\nstat("/c", 0x7f) = 0\n', "which process"),
        ('12 stat("/a", 0x7f) = 0\n13 stat("x", 0x7f) = 0\n', "line 2 has a path relative"),
    ],
)  # fmt: skip
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(TraceFileError, match=words) as caught:
        trace(text, Start())
    assert caught.value.hint


def test_a_call_that_began_before_the_log() -> None:
    found = trace('12 <... epoll_wait resumed>[], 1, 5) = 0\n12 stat("/a", 0x7f) = 0\n')
    assert asked(found) == [("/a", "stat", True)]


def test_counters_add_up() -> None:
    found = trace('12 stat("/a", 0x7f) = 0\n' * 3 + '12 rename("/a", "/b") = 0\n')
    assert (found.counters.received, found.counters.recorded, found.counters.repeated) == (4, 2, 2)
    assert found.counters.lost == 0


def test_flags_without_a_name() -> None:
    clone = "clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FS|0x400000, parent_tid=[13]) = 13"
    found = trace(f'12 {clone}\n13 chdir("/a/.") = 0\n12 stat("x", 0x7f) = 0\n')
    assert "/a/x" in {event.path for event in found.events}
