"""What is in the image under another name, unused, or only hinted at by what failed after it."""

from __future__ import annotations

from dataclasses import replace

from tests.closure.elfs import SONAME, ElfTree, elf, library
from tests.diagnosis.test_limits import APP, DEBIAN, first, traced
from tests.diagnosis.test_messages import found
from tests.trees import MemoryTree
from tracewhale.diagnosis import Case, diagnose
from tracewhale.rootfs.tree import View

LOADER = "/lib64/ld-linux-x86-64.so.2"
PHP = "/usr/lib/php/20220829"


def test_a_library_that_was_copied_under_the_name_of_a_link() -> None:
    files = {
        LOADER: library("ld-linux-x86-64.so.2"),
        "/usr/lib/libc.so.6": library("libc.so.6"),
        "/lib64/libwhale.so": elf([(SONAME, "libwhale.so.1")]),
        "/bin/app": elf([(1, "libwhale.so.1")], interpreter=LOADER),
    }
    tree = ElfTree(files)
    tree.entries["/bin/app"] = replace(tree.entries["/bin/app"], mode=0o755)
    case = Case("x", View(tree), ("/bin/app",), refusal="no")
    kind, cause, line = first(diagnose(case))
    assert (kind, line) == ("library", "ln -s libwhale.so /lib64/libwhale.so.1")
    assert "is in the image under the name /lib64/libwhale.so only" in cause


def test_a_link_that_leads_to_nothing_is_replaced() -> None:
    tree = MemoryTree("/venv/bin/python3 -> /usr/local/bin/python3\n/usr/bin/python3: x\n/venv/bin/app: x\n")
    tree.put("/venv/bin/app", b"#!/venv/bin/python3\n")
    for path in ("/usr/bin/python3", "/venv/bin/app"):
        tree.entries[path] = replace(tree.entries[path], mode=0o755)
    told = diagnose(Case("x", View(tree), ("/venv/bin/app",), refusal="no"))
    assert first(told)[2] == "ln -sf /usr/bin/python3 /venv/bin/python3"


def test_what_ruby_tried_before_the_library_that_it_names() -> None:
    """json tries its compiled part first, then another library, which the message names."""
    said = "`require': cannot load such file -- json/pure (LoadError)"
    lost = "/usr/lib/x86_64-linux-gnu/ruby/3.1.0/json/ext/parser.so"
    told = found(said, APP, lost, "/usr/lib/ruby/3.1.0/json/pure.rb", full=f"{lost}: x\n")
    assert first(told)[1] == f"{lost} is not in the image, so Ruby tried json/pure instead."


def test_an_extension_of_php_that_is_there_and_not_enabled() -> None:
    tree = f"{APP}{PHP}/pdo_sqlite.so: x\n/etc/php/8.2/cli/conf.d/10-pdo.ini: x\n"
    directory = ("/etc/php/8.2/cli/conf.d", "list", True)
    kind, cause, line = first(traced("PDOException: could not find driver", tree, directory))
    assert (kind, line) == (
        "php-extension",
        "echo extension=pdo_sqlite > /etc/php/8.2/cli/conf.d/20-pdo_sqlite.ini",
    )
    assert f"pdo_sqlite is in the image ({PHP}/pdo_sqlite.so)" in cause
    loaded = (f"{PHP}/pdo_sqlite.so", "read", True)
    assert "php-extension" in first(traced("PDOException: could not find driver", tree, directory, loaded))[0]


def test_a_program_that_says_what_to_install() -> None:
    said = (
        "ensurepip is not available. Install the package:\n\n    apt install python3.11-venv\n\nBad: /tmp/v"
    )
    assert first(found(said, f"{APP}{DEBIAN}"))[2].endswith(" python3.11-venv")


def test_a_directory_for_temporary_files_in_the_words_of_go() -> None:
    told = found("work file: open /tmp/work-42: no such file or directory", APP, "/tmp/work-42")
    assert first(told)[::2] == ("temporary", "mkdir -p -m 1777 /tmp")
