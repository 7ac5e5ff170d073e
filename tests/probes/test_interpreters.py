"""The interpreters that only the kernel opens, of programs that were made in the run and of any other."""

from __future__ import annotations

import os
import stat
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.closure.test_script import HEADS
from tests.probe import tracing as native
from tests.probe.tracing import TracedCommand
from tests.probes import host_probe
from tracewhale.closure.script import interpreter
from tracewhale.tracing.events import Access

Watch = Callable[..., TracedCommand]
LOADER = "/lib64/ld-linux-x86-64.so.2"


@pytest.fixture(params=["seccomp", "ptrace"])
def watch(request: pytest.FixtureRequest, probe: Path) -> Watch:
    """``watch(words)`` runs a command under a probe that can read what is executed."""
    if request.param == "seccomp":
        return lambda words, **options: native.trace(probe, words, **options)
    return lambda words, **options: host_probe.trace(request.param, probe, words, **options)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every user may search."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name).resolve()
        directory.chmod(0o755)
        yield directory


def made(path: Path, content: bytes, mode: int = 0o755) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def executed(found: TracedCommand) -> set[str]:
    """Paths that were there or not, of every execution and every interpreter."""
    return {event.path for event in found.collector.events if event.access == "exec"}


def python(watch: Watch, code: str, *arguments: object, cwd: Path | None = None) -> TracedCommand:
    """Run Python code, which must succeed."""
    words = [sys.executable, "-I", "-S", "-c", code, *map(str, arguments)]
    found = watch(words, cwd=cwd)
    assert found.status == 0, found.stderr
    return found


TRY = """
import os, sys
def run(path, *words):
    if (child := os.fork()) == 0:
        try: os.execv(path, [path, *words])
        except OSError as error: os.write(1, (error.strerror + "\\n").encode())
        os._exit(9)
    os.waitpid(child, 0)
"""


@pytest.mark.parametrize("name", HEADS)
def test_a_line_is_read_as_the_kernel_reads_it(name: str, watch: Watch, place: Path) -> None:
    script = made(place / "script", HEADS[name])
    found = interpreter(HEADS[name])
    expected = {str(script)} | ({found[0]} if found else set())
    if found and os.path.exists(found[0]):
        expected.add(LOADER)
    assert executed(watch([str(script)])) == expected


def test_a_script_that_is_written_again(watch: Watch, place: Path) -> None:
    code = (
        TRY
        + """
for line in ("#!/usr/bin/env perl", "#!/usr/bin/perl", "#!/none/first", "#!/none/second", "#!/usr/bin/perl"):
    with open("script", "w") as script: script.write(line + "\\nprint qq(made\\n)")
    os.chmod("script", 0o755)
    run("./script")
os.unlink("script")
"""
    )
    found = python(watch, code, cwd=place)
    assert found.stdout.split("\n")[:2] == ["made", "made"]
    assert {"/usr/bin/env", "/usr/bin/perl", "/none/first", "/none/second", LOADER} <= executed(found)
    script = next(r for r in found.accesses(f"{place}/./script") if r.access is Access.EXEC)
    first, *_ = found.accesses("/usr/bin/env")
    assert (first.received, first.present, first.access) == (script.received, True, Access.EXEC)
    assert [each.present for each in found.accesses("/none/second")] == [False]


def test_interpreters_that_are_scripts_themselves(watch: Watch, place: Path) -> None:
    made(place / "s0", b"#!/bin/echo\n")
    for number in range(1, 8):
        made(place / f"s{number}", f"#!{place}/s{number - 1}\n".encode())
    scripts = [f"{place}/s{number}" for number in range(8)]
    assert executed(watch([scripts[4]])) == {*scripts[:5], "/bin/echo", LOADER}
    too_deep = watch([scripts[5]])
    assert "Symbolic link loop" in too_deep.stderr
    assert executed(too_deep) == {*scripts[:6], "/bin/echo"}
    assert executed(watch([scripts[7]])) == set(scripts[1:])


def test_a_script_that_is_its_own_interpreter(watch: Watch, place: Path) -> None:
    script = made(place / "loop", f"#!{place}/loop\n".encode())
    assert executed(watch([str(script)])) == {str(script)}


def test_a_relative_interpreter_is_in_the_working_directory(watch: Watch, place: Path) -> None:
    (place / "link").symlink_to("/bin/echo")
    script = made(place / "script", b"#!./link made\n")
    found = watch([str(script)], cwd=place)
    assert found.stdout == f"made {script}\n"
    assert found.event(f"{place}/./link", "exec").real == os.path.realpath("/bin/echo")


def test_what_is_no_program(watch: Watch, place: Path) -> None:
    os.mkfifo(place / "fifo", 0o755)
    os.mknod(place / "device", stat.S_IFCHR | 0o755, os.makedev(5, 0))
    (place / "directory").mkdir()
    (place / "loop").symlink_to("loop")
    made(place / "plain", b"#!/none/plain\n", 0o644)
    made(place / "empty", b"")
    made(place / "text", b"echo none\n")
    made(place / "short", b"#!")
    names = ("fifo", "device", "directory", "loop", "plain", "empty", "text", "short", "none")
    found = python(watch, TRY + "for name in sys.argv[1:]: run(f'./{name}')", *names, cwd=place)
    assert executed(found) == {sys.executable, LOADER, *(f"{place}/./{name}" for name in names)}
    assert len(found.stdout.splitlines()) == len(names)
    assert not found.collector.unresolved


@pytest.mark.parametrize("content", ["script", "program"])
def test_what_its_user_may_not_read(content: str, watch: Watch, place: Path) -> None:
    data = b"#!/bin/sh\n" if content == "script" else Path("/bin/true").read_bytes()
    program = made(place / "program", data, 0o111)
    code = "os.setgroups([]); os.setgid(4242); os.setuid(4242); run(sys.argv[1])"
    found = python(watch, TRY + code, program)
    names = {path for path in executed(found) if path != sys.executable}
    assert names == {str(program), LOADER} | ({"/bin/sh"} if content == "script" else set())


def test_a_setuid_program(watch: Watch, place: Path) -> None:
    program = made(place / "id", Path("/usr/bin/id").read_bytes(), 0o4711)
    code = TRY + "os.setgroups([]); os.setgid(4242); os.setuid(4242); run(sys.argv[1], '-u')"
    found = python(watch, code, program)
    assert found.stdout == "0\n"
    assert {str(program), LOADER} <= executed(found)


def test_an_interpreter_inside_a_root(watch: Watch, place: Path) -> None:
    """Links lead nowhere but inside of it."""
    inside = place / "root"
    inside.mkdir()
    made(place / "outside", b"#!/none/outside\n")
    made(inside / "inside", b"#!/none/inside\n")
    made(inside / "first", b"#!/inside\n")
    made(inside / "second", f"#!{place}/outside\n".encode())
    made(inside / "third", b"#!/link\n")
    (inside / "link").symlink_to(f"../../../../..{place}/outside")
    code = TRY + "os.chroot(sys.argv[1]); os.chdir('/')\nfor name in sys.argv[2:]: run(f'/{name}')"
    found = python(watch, code, inside, "first", "second", "third")
    told = {(e.path, e.present) for e in found.collector.events if e.root == str(inside)}
    assert {("/inside", True), ("/none/inside", False), (f"{place}/outside", False)} <= told
    assert ("/link", False) in told
    assert "/none/outside" not in executed(found)


def test_a_file_without_a_name(watch: Watch) -> None:
    code = """
import os
for name, content in (("script", b"#!/bin/echo made\\n"), ("program", open("/bin/true", "rb").read())):
    file = os.memfd_create(name, 0)
    os.write(file, content)
    if (child := os.fork()) == 0: os.execve(file, [name], {})
    assert os.waitpid(child, 0)[1] == 0
"""
    found = python(watch, code)
    assert found.stdout.startswith("made /dev/fd/")
    (script,), (echo,) = (found.accesses(path) for path in ("/memfd:script", "/bin/echo"))
    assert (echo.received, echo.present) == (script.received, True)
    (program,) = found.accesses("/memfd:program")
    assert program.access is Access.EXEC


JUDGE = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
group = libc.fanotify_init(4 | 1, os.O_RDONLY)  # FAN_CLASS_CONTENT, FAN_CLOEXEC
mask = ctypes.c_uint64(0x8010000)  # FAN_OPEN_PERM, FAN_EVENT_ON_CHILD
assert libc.fanotify_mark(group, 1, mask, -100, b".") == 0
if (child := os.fork()) == 0: os.execv("script", ["script"])
size, *_, file, pid = struct.unpack("<IBBHQii", os.read(group, 24))
print(os.path.basename(os.readlink(f"/proc/self/fd/{file}")), pid == child, flush=True)
os.write(group, struct.pack("<iI", file, 1))  # FAN_ALLOW
os.close(group)
assert os.waitpid(child, 0)[1] == 0
"""


def test_one_that_judges_each_open(watch: Watch, place: Path) -> None:
    """It may not open a file meanwhile: the target's own scanner, that reads a link, would wait for it."""
    made(place / "script", b"#!/bin/echo made\n")
    found = python(watch, JUDGE, cwd=place)
    assert found.stdout == "script True\nmade script\n"
    assert {f"{place}/script", sys.executable} <= executed(found)


# ---- ELF -------------------------------------------------------------------------------------------------

TRUE = Path("/bin/true").read_bytes()


def patched(offset: int, form: str, *values: int, data: bytes = TRUE) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def interp() -> tuple[int, int]:
    """Where the header of PT_INTERP is, and where the name."""
    start, each, count = *struct.unpack_from("<Q", TRUE, 32), *struct.unpack_from("<HH", TRUE, 54)
    for header in range(start, start + each * count, each):
        kind, offset = struct.unpack_from("<I4xQ", TRUE, header)
        if kind == 3:
            return header, offset
    raise AssertionError("it is static")


HEADER, NAME = interp()
OTHER = TRUE.replace(LOADER.encode(), b"/none/" + b"x" * (len(LOADER) - 6))
NARROW = (
    b"\x7fELF\1\1\1".ljust(16, b"\0")
    + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    + struct.pack("<8I", 3, 84, 0, 0, 14, 14, 4, 1)
    + b"/narrow/loader"[:13]
    + b"\0"
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (TRUE, LOADER),
        (OTHER, "/none/" + "x" * (len(LOADER) - 6)),
        (NARROW, "/narrow/loade"),
    ],
    ids=["copy", "absent", "narrow"],
)
def test_an_elf_file(content: bytes, expected: str, watch: Watch, place: Path) -> None:
    program = made(place / "program", content)
    found = watch([str(program)])
    assert executed(found) == {str(program), expected}
    (asked,), (loader,) = found.accesses(program), found.accesses(expected)
    assert asked.received == loader.received


@pytest.mark.parametrize(
    "content",
    [
        TRUE[:64],
        TRUE[:70],
        TRUE[: NAME + 4],
        TRUE[:40].ljust(300, b"\xff"),
        patched(32, "<Q", 1 << 62),
        patched(32, "<Q", (1 << 64) - 1),
        patched(54, "<H", 55),
        patched(54, "<H", 0),
        patched(56, "<H", 0xFFFF),
        patched(56, "<H", 0),
        patched(18, "<H", 0x1234),
        patched(16, "<H", 1),
        patched(HEADER + 8, "<Q", 1 << 40),
        patched(HEADER + 8, "<Q", (1 << 64) - 8),
        patched(HEADER + 32, "<Q", 0),
        patched(HEADER + 32, "<Q", 1),
        patched(HEADER + 32, "<Q", 5000),
        patched(HEADER + 32, "<Q", 1 << 63),
        patched(HEADER + 32, "<Q", len(LOADER)),
        patched(NAME, "B", 0),
    ],
    ids=lambda content: "",
)
def test_an_elf_file_that_is_malformed(content: bytes, watch: Watch, place: Path) -> None:
    program = made(place / "program", content)
    found = watch([str(program)])
    assert found.status != 0
    assert executed(found) == {str(program)}
