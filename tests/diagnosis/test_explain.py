"""Causes that take more than one fact, on trees that are written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.diagnosis.test_messages import found
from tests.trees import MemoryTree
from tracewhale.diagnosis import Case, Diagnosis, Sure, User, diagnose
from tracewhale.diagnosis.text import render
from tracewhale.examine import in_short
from tracewhale.rootfs.tree import View
from tracewhale.tracing.events import Event, Outcome, Step, Trace
from tracewhale.tracing.exchanges import Answer, Exchange, HttpRequest

APP = "/bin/app: x\n"
PYTHON = "/usr/lib/python3.11/os.py: x\n"
PACKAGES = "/opt/venv/lib/python3.11/site-packages"


def lines(told: Diagnosis) -> list[str]:
    assert told.findings, render(told)
    return [remedy.line for remedy in told.findings[0].remedies]


def refused(tree: str, *command: str, full: str = "", programs: tuple[str, ...] = ()) -> Diagnosis:
    """The diagnosis of a command that the kernel refuses; ``programs`` may be executed."""
    memory = MemoryTree(tree)
    for path in programs:
        memory.entries[path] = replace(memory.entries[path], mode=0o755)
    whole = View(MemoryTree(full)) if full else None
    return diagnose(Case("x", View(memory), command, full=whole, full_name="FULL", refusal="no"))


def test_an_extension_for_another_python() -> None:
    tree = f"{APP}{PACKAGES}/core/_core.cpython-312-x86_64-linux-gnu.so: x\n{PACKAGES}/core/__init__.py: x\n"
    told = found("ModuleNotFoundError: No module named 'core._core'", tree, f"{PACKAGES}/x.py")
    assert told.findings[0].kind == "python-version"
    assert "is for Python 3.12, and Python 3.11 runs" in told.findings[0].cause
    assert lines(told) == ["pip install --force-reinstall core", "FROM python:3.12"]


def test_packages_of_another_python() -> None:
    """A whole virtual environment of another version is one finding, not one for each package."""
    tree = f"{APP}/opt/venv/lib/python3.12/site-packages/fastapi/__init__.py: x\n"
    said = "ModuleNotFoundError: No module named 'fastapi'"
    told = found(said, tree, f"{PACKAGES}/x.py", full=f"{PACKAGES}/fastapi/__init__.py: x\n")
    assert told.findings[0].kind == "python-version"
    assert lines(told)[:2] == [
        "COPY --from=FULL /opt/venv/lib/python3.11/ /opt/venv/lib/python3.11/",
        "FROM python:3.12",
    ]


def test_one_package_of_another_python_is_that_package() -> None:
    other = "/opt/venv/lib/python3.12/site-packages/fastapi/__init__.py"
    tree = f"{APP}{PACKAGES}/flask/__init__.py: x\n{other}: x\n"
    told = found("ModuleNotFoundError: No module named 'fastapi'", tree, f"{PACKAGES}/x.py")
    assert told.findings[0].kind == "python-module"


def test_a_library_that_says_what_to_install() -> None:
    said = 'RuntimeError: Form data requires "python-multipart".\n\npip install python-multipart\n'
    metadata = f"{PACKAGES}/python_multipart-0.0.9.dist-info"
    full = f"{metadata}/RECORD: multipart/a.py,,\n{PACKAGES}/multipart/a.py: x\n"
    tree = f"{APP}{PACKAGES}/fastapi/__init__.py: x\n"
    assert lines(found(said, tree)) == ["pip install python-multipart"]
    copies = lines(found(said, tree, full=full))[0]
    assert f"{metadata}/" in copies
    assert f"{PACKAGES}/multipart/" in copies
    assert found(said, f"{tree}{metadata}/RECORD: x\n").findings == ()
    assert found(said, tree, status=0).findings == ()


@pytest.mark.parametrize(
    "said",
    [
        'ERROR:    Error loading ASGI app. Could not import module "main".',
        "Error: Could not import 'main'.",
        "ModuleNotFoundError: No module named 'main'",
    ],
)
def test_an_application_in_another_directory(said: str) -> None:
    told = found(said, f"{APP}/code/main.py: x\n")
    assert lines(told)[0] == "ENV PYTHONPATH=/code"
    assert "WORKDIR /code" in told.findings[0].cause


def test_a_copied_link_of_npm() -> None:
    said = "Error: Cannot find module './lib/x'\nRequire stack:\n- /app/node_modules/.bin/tool"
    tool = "/app/node_modules/tool"
    tree = f"{APP}/app/node_modules/.bin/tool: x\n{tool}/lib/x.js: x\n{tool}/cli.js: x\n"
    full = "/app/node_modules/.bin/tool -> ../tool/cli.js\n/app/node_modules/tool/cli.js: x\n"
    told = found(said, tree, full=full)
    assert "is a copy of what npm links to" in told.findings[0].cause
    assert lines(told) == ["ln -sf ../tool/cli.js /app/node_modules/.bin/tool", "npm rebuild"]
    assert lines(found(said, tree))[0] == "npm rebuild"


def test_a_module_without_its_package() -> None:
    said = "SyntaxError: Cannot use import statement outside a module"
    tree = f"{APP}/app/index.js: x\n"
    told = found(said, tree, "/app/package.json", full="/app/package.json: {}\n")
    assert (told.findings[0].kind, told.findings[0].sure) == ("node-type", Sure.YES)
    assert lines(told)[0] == "COPY --from=FULL /app/package.json /app/"
    alone = found(said, tree, "/app/package.json")
    assert alone.findings[0].sure is Sure.LIKELY


def test_what_a_program_imports_counts_only_against_a_complete_image() -> None:
    """The search of an interpreter is usual, and nothing else explains the end."""
    searched = ("/app/node_modules/koa", "/node_modules/koa")
    told = found("", f"{APP}/app/x.js: x\n", *searched, full="/app/node_modules/koa/index.js: x\n")
    assert told.findings[0].paths == ("/app/node_modules/koa",)
    assert found("", f"{APP}/app/x.js: x\n", *searched).findings == ()


def test_a_common_word_is_no_file() -> None:
    """That a line of trouble has a word that a file was looked for by is a coincidence."""
    said = "error: cannot start with this configuration"
    assert found(said, APP, "/usr/lib/nodes/with", "/usr/lib/nodes/zz").findings[0].sure is Sure.GUESS
    quoted = found("error: cannot load 'with'", APP, "/usr/lib/nodes/with")
    assert (quoted.findings[0].paths, quoted.findings[0].sure) == (("/usr/lib/nodes/with",), Sure.LIKELY)


def test_a_name_alone_is_not_sure() -> None:
    said = "fatal: unable to load app.rules"
    alone = found(said, APP, "/etc/app/app.rules")
    assert alone.findings[0].sure is Sure.LIKELY
    both = found(said, APP, "/etc/app/app.rules", full="/etc/app/app.rules: x\n")
    assert both.findings[0].sure is Sure.YES


def test_of_several_paths_the_one_that_is_known() -> None:
    """A program names all its default paths, and looked for each."""
    places = ("/usr/etc/a.conf", "/etc/a.conf", "/etc/a/a.conf")
    said = f"Error: No config file found at default paths ({', '.join(places)}); use -c"
    told = found(said, APP, *places, full="/etc/a/a.conf: x\n")
    assert [finding.paths for finding in told.findings] == [("/etc/a/a.conf",)]
    assert told.findings[0].sure is Sure.YES
    assert all(finding.sure is Sure.LIKELY for finding in found(said, APP, *places).findings)


def test_a_directory_with_files_is_copied() -> None:
    """One that the command reads from is of no use when it is empty."""
    tree = "/etc/app/main.conf: x\n/bin/app: x\n"
    told = found("", tree, "/etc/app/pool.d", full="/etc/app/pool.d/www.conf: x\n")
    assert lines(told)[0] == "COPY --from=FULL /etc/app/pool.d/ /etc/app/pool.d/"


def test_a_link_to_the_missing_interpreter_is_no_other_interpreter() -> None:
    tree = "/app/cli: #!/usr/bin/env node\n/usr/bin/env: x\n/usr/bin/nodejs -> node\n"
    told = refused(tree, "/app/cli", full="/usr/bin/node: x\n", programs=("/app/cli", "/usr/bin/env"))
    assert lines(told)[0] == "COPY --from=FULL /usr/bin/node /usr/bin/"
    real = "/app/cli: #!/usr/bin/env node\n/usr/bin/env: x\n/usr/bin/nodejs: x\n"
    programs = ("/app/cli", "/usr/bin/env", "/usr/bin/nodejs")
    assert lines(refused(real, "/app/cli", programs=programs))[0].startswith("ln -s /usr/bin/nodejs ")


def test_a_directory_in_the_place_of_a_program() -> None:
    told = refused("/app/app: x\n/app/other: x\n", "/app", "-v", programs=("/app/app", "/app/other"))
    assert (
        told.findings[0].cause
        == "/app is a directory, not a program (/app/app, /app/other in it may be executed)."
    )
    assert lines(told) == ['CMD ["/app/app", "-v"]']
    assert lines(refused("/app/\n", "/app")) == ['CMD ["/app/PROGRAM"]']
    assert lines(refused("/app/\n", "/app", full="/app: x\n"))[0] == "COPY --from=FULL /app /"


def test_a_path_below_a_file_is_no_guess() -> None:
    told = found("", f"{APP}/usr/bin/flask: x\n", "/usr/bin/flask/x.so")
    assert told.findings == ()


def test_a_guess_is_called_one_in_short() -> None:
    told = found("", APP, "/etc/last.conf")
    assert in_short(told)[0].startswith("A guess: /etc/last.conf")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("ArgumentError: Missing `secret_key_base` for 'production' environment", "-e SECRET_KEY_BASE=VALUE"),
        ("RuntimeException: No application encryption key has been specified.", "-e APP_KEY=VALUE"),
        ("ImproperlyConfigured: The SECRET_KEY setting must not be empty.", "-e SECRET_KEY=VALUE"),
    ],
)
def test_a_secret_that_is_not_set(said: str, line: str) -> None:
    told = found(said, APP, "/usr/lib/nodes/with")
    assert told.findings[0].kind == "variable"
    assert lines(told)[0] == line


@pytest.mark.parametrize(
    ("status", "expected", "fails"), [(500, 0, True), (503, 503, False), (404, 0, False)]
)
def test_an_answer_of_500_is_a_failure(status: int, expected: int, fails: bool) -> None:
    """The server runs on, and its output says why it answered so."""
    said = b"jinja2.exceptions.TemplateNotFound: index.html"
    exchange = Exchange(HttpRequest("GET", "/", expected=expected), Answer(status))
    events = frozenset({Event("/app/templates/index.html", "read", "/bin/app", present=False)})
    outcome = Outcome(137, stopped=True, stderr=said)
    trace = Trace(
        "t", "i", "p", {}, events, outcome=outcome, steps=(Step("http", "/", exchanges=(exchange,)),)
    )
    full = View(MemoryTree("/app/templates/index.html: x\n"))
    told = diagnose(Case("x", View(MemoryTree(APP)), trace=trace, full=full, full_name="FULL"))
    assert told.failed is fails
    if fails:
        assert told.findings[0].paths == ("/app/templates/index.html",)
        assert "GET / was answered with 500" in told.findings[0].symptom


def test_a_request_that_ended_the_run_is_the_symptom() -> None:
    """The command did not fail: it was killed when its run ended."""
    refusal = "The request GET / was answered with status 500 and not one below 400.\noops"
    trace = Trace("t", "i", "p", {}, frozenset(), outcome=Outcome(137, stopped=True))
    told = diagnose(Case("x", View(MemoryTree(APP)), trace=trace, refusal=refusal))
    text = render(told)
    assert text.startswith("x: The request GET / was answered with status 500 and not one below 400, and no")
    assert "137" not in text


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("source", "sed -i 's/^\\([[:space:]]*\\)source /\\1. /' /entrypoint.sh"),
        ("[[", "sed -i '1s|^#!.*|#!/usr/bin/bash|' /entrypoint.sh"),
    ],
)
def test_a_word_of_bash_is_no_missing_command(word: str, line: str) -> None:
    tree = f"{APP}/usr/bin/bash: x\n/entrypoint.sh: #!/bin/sh\n"
    told = found(f"/entrypoint.sh: 3: {word}: not found", tree)
    assert told.findings[0].kind == "shell"
    assert lines(told)[0] == line


def test_an_agent_of_java_that_is_missing() -> None:
    said = (
        "Error occurred during initialization of VM\n"
        "Error opening zip file or JAR manifest missing : /otel.jar\n"
    )
    told = found(said, APP, "/otel.jar", "/usr/lib/jvm/java/bin/../lib/glibc-hwcaps/x86-64-v2")
    assert [finding.paths for finding in told.findings] == [("/otel.jar",)]


def test_a_variable_that_leads_to_nothing() -> None:
    said = "ERROR: JAVA_HOME is set to an invalid directory: /opt/jdk"
    tree = f"{APP}/usr/lib/jvm/java-17/bin/java: x\n"
    told = found(said, tree, "/opt/jdk/bin/java", environment={"JAVA_HOME": "/opt/jdk"})
    assert (told.findings[0].kind, told.findings[0].sure) == ("variable", Sure.YES)
    assert lines(told)[0] == "ENV JAVA_HOME=/usr/lib/jvm/java-17"
    silent = found("failed", tree, "/opt/jdk/bin/java", environment={"JAVA_HOME": "/opt/jdk"})
    assert silent.findings[0].sure is Sure.GUESS


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("ERROR: [pool www] cannot get uid for user 'www-data'", "user www-data"),
        ("chown: invalid group: 'root:www-data'", "group www-data"),
        ("chown: invalid user: 'app'", "user app"),
    ],
)
def test_the_user_is_named_without_what_is_before_it(said: str, name: str) -> None:
    told = found(said, f"{APP}/etc/passwd: root:x:0:0:::\n/etc/group: root:x:0:\n")
    assert name in told.findings[0].cause


@pytest.mark.parametrize(
    ("platform", "words"),
    [
        ("aarch64-linux-gnu", "is for aarch64, and this image is for x86_64"),
        ("x86_64-linux-musl", "is for musl, and this image has glibc"),
    ],
)
def test_an_extension_for_another_platform(platform: str, words: str) -> None:
    tree = f"{APP}/lib64/ld-linux-x86-64.so.2: x\n{PACKAGES}/core/_core.cpython-311-{platform}.so: x\n"
    said = "ImportError: cannot import name 'A' from 'core._core' (unknown location)"
    told = found(said, tree, f"{PACKAGES}/x.py", architecture="amd64")
    assert words in told.findings[0].cause
    assert lines(told)[0] == "pip install --force-reinstall core"
    fitting = tree.replace(platform, "x86_64-linux-gnu")
    assert found(said, fitting, f"{PACKAGES}/x.py", architecture="amd64").findings[0].kind == "python-module"


def test_a_directory_of_modules_is_copied_whole() -> None:
    """Else each file of it would be a finding of its own, one after the other."""
    said = "in `require': cannot load such file -- json/common (LoadError)"
    full = "/usr/lib/ruby/3.1.0/json/common.rb: x\n/usr/lib/ruby/3.1.0/json/version.rb: x\n"
    tree = f"{APP}/usr/lib/ruby/3.1.0/json.rb: x\n"
    told = found(said, tree, "/usr/lib/ruby/3.1.0/json/common.rb", full=full)
    assert lines(told)[0] == "COPY --from=FULL /usr/lib/ruby/3.1.0/json/ /usr/lib/ruby/3.1.0/json/"


def test_usual_commands_have_a_package() -> None:
    tree = f"{APP}/etc/os-release: ID=debian\n"
    assert lines(found("/entrypoint.sh: 3: envsubst: not found", tree))[0].endswith(" gettext-base")
    assert lines(found("/entrypoint.sh: 3: nc: not found", tree))[0].endswith(" netcat-openbsd")


def test_a_stack_trace_names_no_missing_file() -> None:
    said = 'Traceback:\n  File "uvloop/loop.pyx", line 15, in run\nFileNotFoundError: [Errno 2] No such file'
    told = found(said, APP, "/uvloop/loop.pyx", "/certs/k.pem", full="/certs/k.pem: x\n")
    assert told.findings[0].paths == ("/certs/k.pem",)


def test_a_module_that_the_user_may_not_read() -> None:
    """Node finds no module below a directory that it may not enter."""
    memory = MemoryTree(f"{APP}/app/s.js: x\n")
    memory.entries["/app"] = replace(memory.entries["/app"], mode=0o700)
    outcome = Outcome(1, stderr=b"Error: Cannot find module '/app/s.js'")
    trace = Trace("t", "i", "p", {}, frozenset(), outcome=outcome)
    told = diagnose(Case("x", View(memory), trace=trace, user=User(1000, 1000, (1000,), "/", "1000")))
    assert told.findings[0].kind == "permission"
    assert "may not enter the directory /app" in told.findings[0].cause


def test_a_part_of_the_library_of_python() -> None:
    said = "Fatal Python error: init_fs_encoding: failed to get the Python codec of the filesystem encoding"
    lost = "/usr/lib/python3.11/encodings/__init__.py"
    absent = ("/usr/bin/lib/python3.11/os.py", "/usr/lib/python3.11/encodings")
    events = {Event(path, "stat", "/bin/app", present=False) for path in absent}
    events |= {Event("/usr/lib/python3.11/os.py", "stat", "/bin/app", present=True)}
    trace = Trace("t", "i", "p", {}, frozenset(events), outcome=Outcome(1, stderr=said.encode()))
    full = View(MemoryTree(f"{PYTHON}{lost}: x\n"))
    told = diagnose(Case("x", View(MemoryTree(f"{APP}{PYTHON}")), trace=trace, full=full, full_name="FULL"))
    place = "/usr/lib/python3.11/encodings/"
    assert lines(told)[0] == f"COPY --from=FULL {place} {place}"


@pytest.mark.parametrize(
    ("volumes", "causes"), [((), ["the directory /data is not in the image"]), (("/data",), [])]
)
def test_a_file_that_was_made_in_a_volume_is_not_missing(volumes: tuple[str, ...], causes: list[str]) -> None:
    events = frozenset({Event("/data/5891", "create", "/bin/app", present=False)})
    trace = Trace("t", "i", "p", {}, events, outcome=Outcome(143, stopped=True, absent=("/data/5891",)))
    case = Case("x", View(MemoryTree(APP)), trace=trace, refusal="GET /x was answered", volumes=volumes)
    assert [finding.cause.partition(",")[0] for finding in diagnose(case).findings] == causes
