"""Messages of libraries and languages lead to their causes, on trees that are written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.closure.elfs import ElfTree, elf, library
from tests.java.images import image
from tests.trees import MemoryTree
from tracewhale.diagnosis import Case, Contents, Diagnosis, User, diagnose
from tracewhale.diagnosis.lookups import harmless
from tracewhale.diagnosis.messages import MAX_LINE, complaints, messages
from tracewhale.diagnosis.text import render
from tracewhale.java.jimage import JImage
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Outcome, Trace

OPEN = "cannot open shared object file: No such file or directory"
LOADER = "/lib64/ld-linux-x86-64.so.2"


def found(
    said: str,
    tree: str = "/bin/app: x\n",
    *absent: str,
    status: int = 1,
    full: str = "",
    **more: object,
) -> Diagnosis:
    """The diagnosis of a command that printed something; ``absent`` are its look-ups in vain."""
    events = frozenset(Event(path, "read", "/bin/app", present=False) for path in absent)
    outcome = Outcome(status, stderr=said.encode(), absent=absent)
    trace = Trace("t", "i", "p", {}, events, outcome=outcome)
    whole = View(MemoryTree(full)) if full else None
    view = View(MemoryTree(tree))
    for entry in view.tree.entries.values():  # type: ignore[attr-defined]
        if entry.path.startswith("/bin/"):
            view.tree.entries[entry.path] = replace(entry, mode=0o755)  # type: ignore[attr-defined]
    return diagnose(Case("x", view, trace=trace, full=whole, full_name="FULL" if full else "", **more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("library", f"app: error while loading shared libraries: libz.so.1: {OPEN}"),
        ("library", "Error loading shared library libz.so.1: No such file or directory (needed by /x.node)"),
        ("library", "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory"),
        ("library", f"java.lang.UnsatisfiedLinkError: /opt/jre/lib/libfont.so: libfreetype.so.6: {OPEN}"),
        ("python-module", "ModuleNotFoundError: No module named 'flask'"),
        ("python-module", "/usr/bin/python3: No module named gunicorn"),
        ("node-module", "Error: Cannot find module 'express'"),
        ("node-module", "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'koa' imported from /b.mjs"),
        ("ruby-module", "a.rb:37:in `require': cannot load such file -- sinatra (LoadError)"),
        ("perl-module", "Can't locate Mojo/Base.pm in @INC (@INC contains: /etc/perl) at -e"),
        ("perl-object", "Can't locate loadable object for module DBI in @INC"),
        ("php-extension", "PHP Fatal error:  Uncaught Error: Call to undefined function mb_strlen() in a:1"),
        ("r-package", "Error in library(ggplot2) : there is no package called 'ggplot2'"),
        ("java-class", "Error: Could not find or load main class com.example.Main"),
        ("file", "Error: Unable to access jarfile /app.jar"),
        ("file", "FileNotFoundError: [Errno 2] No such file or directory: '/etc/app.yml'"),
        ("file", "Error: ENOENT: no such file or directory, open '/etc/app.yml'"),
        ("file", "panic: open /etc/app.yml: no such file or directory"),
        ("file", 'nginx: [emerg] open() "/etc/nginx/mime.types" failed (2: No such file or directory)'),
        ("file", "cat: /etc/app.yml: No such file or directory"),
        ("command", "sh: 1: jq: not found"),
        ("command", "bash: line 3: jq: command not found"),
        ("command", "Error: spawn ffmpeg ENOENT"),
        ("command", 'exec: "git": executable file not found in $PATH'),
        ("certificate", "x509: certificate signed by unknown authority"),
        ("certificate", "curl: (77) error setting certificate file: /etc/ssl/certs/ca-certificates.crt"),
        ("certificate", "sun.security.validator.ValidatorException: PKIX path building failed"),
        ("certificate", "Error: unable to get local issuer certificate"),
        ("time-zone", "panic: unknown time zone Europe/Berlin"),
        ("time-zone", "zoneinfo._common.ZoneInfoNotFoundError: 'No time zone found with key Europe/Berlin'"),
        ("network", "java.net.UnknownHostException: db.internal"),
        ("network", "curl: (6) Could not resolve host: example.org"),
        ("user", "KeyError: 'getpwuid(): uid not found: 1234'"),
        ("user", "unable to find user app: no matching entries in passwd file"),
        ("user", 'nginx: [emerg] getpwnam("nginx") failed in /etc/nginx/nginx.conf:1'),
        ("temporary", "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp']"),
        ("fonts", "java.lang.RuntimeException: Fontconfig head is null, check your fonts configuration"),
        ("terminal", "Error opening terminal: xterm."),
        ("locale", "locale.Error: unsupported locale setting"),
        ("git-helper", "fatal: Unable to find remote helper for 'https'"),
        ("git-helper", "git: 'remote-https' is not a git command. See 'git --help'."),
        ("port", "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)"),
        ("refused-call", "unshare: unshare failed: Operation not permitted"),
        ("read-only", "touch: cannot touch '/var/log/app.log': Read-only file system"),
        ("memory", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"),
        ("disk", "write error: No space left on device"),
        ("version", "/app/x: /lib/libc.so.6: version `GLIBC_2.38' not found (required by /app/x)"),
        ("symbol", "/app/x: symbol lookup error: /app/x: undefined symbol: deflate_new"),
        ("java-library", "java.lang.UnsatisfiedLinkError: no sqlitejdbc in java.library.path: /usr/java"),
        ("java-home", "Error: could not find libjava.so"),
        ("busy", "bash: /app/x: Text file busy"),
    ],
)  # fmt: skip
def test_each_message_is_told_as_what_it_is(kind: str, said: str) -> None:
    kind = {"java-library": "library"}.get(kind, kind)
    absent = {"git-helper": ("/usr/lib/git-core/git-remote-https",), "java-home": ("/jre/lib/libjava.so",)}
    more = {"environment": {"LC_ALL": "de_DE.UTF-8"}} if kind == "locale" else {}
    told = found(said, "/bin/app: x\n/etc/os-release: ID=debian\n", *absent.get(kind, ()), **more)  # type: ignore[arg-type]
    assert told.findings, render(told)
    assert told.findings[0].kind == kind, render(told, verbose=True)
    assert told.findings[0].remedies, render(told)
    assert len(render(told).splitlines()) >= 4


@pytest.mark.parametrize("message", messages(), ids=lambda message: message.source)
def test_every_message_has_its_explainer(message: object) -> None:
    from tracewhale.diagnosis.explain import EXPLAINERS

    if message.cause:  # type: ignore[attr-defined]
        facts = {"user": "", "command": "", **dict.fromkeys(message.pattern.groupindex, "")}  # type: ignore[attr-defined]
        assert all(text.format(**facts) for text in (message.cause, *message.fixes))  # type: ignore[attr-defined]
    else:
        assert message.kind in EXPLAINERS  # type: ignore[attr-defined]


def test_a_file_that_is_there_is_not_missing() -> None:
    """A message that the files contradict is no finding; its interpreter may be one."""
    told = found("cat: /etc/app.yml: No such file or directory", "/etc/app.yml: a\n/bin/app: x\n")
    assert told.findings == ()


def test_the_complete_image_names_the_file_and_the_line() -> None:
    told = found("open /etc/app.yml: no such file or directory", full="/etc/app.yml: a\n")
    assert told.findings[0].remedies[0].line == "COPY --from=FULL /etc/app.yml /etc/"


def test_what_a_complete_image_has_explains_a_silent_end() -> None:
    absent = ("/etc/ld.so.preload", "/etc/app.d/main.conf", "/usr/share/locale/de/x.mo")
    told = found("", "/bin/app: x\n", *absent, full="/etc/app.d/main.conf: x\n/etc/ld.so.preload: y\n")
    (first,) = told.findings
    assert first.paths == ("/etc/app.d/main.conf",)


def test_the_last_look_up_is_a_guess() -> None:
    told = found("", "/bin/app: x\n", "/etc/first.conf", "/etc/ld.so.preload", "/etc/last.conf")
    (first,) = told.findings
    assert first.paths == ("/etc/last.conf",)
    assert "no, a guess" in render(told)


def test_a_healthy_command_has_no_finding() -> None:
    absent = tuple(f"/usr/lib/{n}/libx.so" for n in range(300))
    assert found("cat: /x: No such file or directory", "/bin/app: x\n", *absent, status=0).findings == ()


def test_an_index_names_the_package(tmp_path: object) -> None:
    index = tmp_path / "Contents-amd64"  # type: ignore[operator]
    index.write_text("usr/bin/jq                utils/jq\nusr/lib/libz.so.1   libs/zlib1g,libs/other\n")
    told = found("sh: 1: jq: not found", contents=Contents(str(index)))
    assert told.findings[0].remedies[0].line.endswith("apt-get install -y --no-install-recommends jq")
    told = found("app: error while loading shared libraries: libz.so.1: cannot open shared object file: "
                 "No such file or directory", contents=Contents(str(index)))  # fmt: skip
    assert told.findings[0].remedies[0].line.endswith(" zlib1g")


def test_a_mount_that_hides_a_file_is_told() -> None:
    told = found("open /app/main.yml: no such file or directory", "/app/main.yml: x\n/bin/app: x\n",
                 "/app/main.yml", mounts={"/app": ""})  # fmt: skip
    assert "what is mounted on /app hides it" in told.findings[0].cause


def test_a_dangling_link_is_followed_to_what_is_missing() -> None:
    told = found(
        "open /etc/app.yml: no such file or directory", "/etc/app.yml -> /opt/app/real.yml\n/bin/a: x\n"
    )
    assert "leads to nothing" in told.findings[0].cause
    assert told.findings[0].paths == ("/opt/app/real.yml",)


def test_a_directory_that_the_user_may_not_write() -> None:
    told = found("PermissionError: [Errno 13] Permission denied: '/data/x'", "/data/\n/bin/app: x\n",
                 user=User(1000, 1000, (1000,), "/home/a", "a"))  # fmt: skip
    assert told.findings[0].remedies[0].line == "chown -R 1000:1000 /data"


def test_libraries_that_need_others_are_told_together() -> None:
    program = elf([(1, "liba.so")], interpreter=LOADER)
    tree = {"/bin/app": program, LOADER: library("ld-linux-x86-64.so.2")}
    whole = {**tree, "/lib64/liba.so": library("liba.so", "libb.so"), "/lib64/libb.so": library("libb.so")}
    broken = ElfTree(tree)
    broken.entries["/bin/app"] = replace(broken.entries["/bin/app"], mode=0o755)
    case = Case("x", View(broken), ("/bin/app",), full=View(ElfTree(whole)), full_name="FULL", refusal="no")
    (first,) = diagnose(case).findings
    assert first.kind == "library"
    assert first.remedies[0].line == "COPY --from=FULL /lib64/liba.so /lib64/libb.so /lib64/"


@pytest.mark.parametrize("letter", ["/", "a/", "chown ", ": ", "'", "[ ", "Error: ", "mount "])
def test_hostile_output_ends(letter: str) -> None:
    """No pattern takes more than a moment for a line that was made to keep it busy."""
    line = (letter * MAX_LINE)[:MAX_LINE]
    complaints("\n".join([line + "Operation not permitted", line + "No such file or directory", line]))


def test_usual_look_ups_are_harmless() -> None:
    assert harmless("/usr/lib/glibc-hwcaps/x86-64-v3/libc.so.6")
    assert harmless("/app/__pycache__/a.cpython-311.pyc")
    assert not harmless("/etc/app/main.conf")


@pytest.mark.parametrize(
    ("said", "shrunk"),
    [
        ("Caused by: java.lang.ClassNotFoundException: java.awt.Window", True),
        ("Exception in thread main java.lang.NoClassDefFoundError: java/awt/Window", True),
        ("java.util.ServiceConfigurationError: a.Tool: Provider java.awt.Window not found", True),
        ("java.lang.module.FindException: Module java.desktop not found", True),
        ("Management agent initialization failure: class java.awt.Window not found.", True),
        ("Error occurred during initialization of VM\nFailure when starting JFR on_create_vm_3", True),
        ("java.lang.ClassNotFoundException: com.example.Window", False),
    ],
)
def test_a_class_that_was_left_out_of_the_library(said: str, shrunk: bool) -> None:
    classes = ("java.base/a", "java.desktop/java/awt/Window", "jdk.jfr/jfr/awt/Event")
    files = {f"/{name}.class": b"c" for name in classes}
    whole = JImage(image(files))
    memory = MemoryTree("/bin/app: x\n/jvm/lib/modules: library\n")
    memory.put(
        "/jvm/lib/modules", whole.without(lambda resource: "awt" in resource.name and resource.is_file)
    )
    events = frozenset[Event]()
    trace = Trace("t", "i", "p", {}, events, outcome=Outcome(1, stderr=said.encode()))
    first = diagnose(Case("x", View(memory), trace=trace)).findings[0]
    remedies = [remedy.line for remedy in first.remedies]
    assert ("make the image again with --no-shrink java" in remedies) is shrunk
    assert ("/jvm/lib/modules" in first.cause) is shrunk
