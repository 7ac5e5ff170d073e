"""Broken images, one a kind of failure, as people break them."""

from __future__ import annotations

from collections.abc import Callable

from tests.diagnosis.lab import Broken, Lab

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
LIBRARY = 'const char *whale(void) { return "whale"; }\n'
LARGER = LIBRARY + 'const char *calf(void) { return "calf"; }\n'
USES_LIBRARY = "#include <stdio.h>\nconst char *whale(void);\nint main(void) { puts(whale()); return 0; }\n"
USES_LARGER = "#include <stdio.h>\nconst char *calf(void);\nint main(void) { puts(calf()); return 0; }\n"
OPENS = (
    "#include <dlfcn.h>\n#include <stdio.h>\n"
    'int main(void) { void *p = dlopen("libplugin.so.1", RTLD_NOW);\n'
    'if (!p) { fprintf(stderr, "%s\\n", dlerror()); return 1; } puts("opened"); return 0; }\n'
)
SILENT = (
    '#include <fcntl.h>\nint main(void) { return open("/etc/whale/whale.conf", O_RDONLY) < 0 ? 3 : 0; }\n'
)
CRASHES = (
    "#include <stdio.h>\n"
    'int main(void) { char c[9]; return fgets(c, 9, fopen("/opt/whale/data.bin", "r")) == 0; }\n'
)
VERSIONS = "WHALE_1.0 { global: whale; local: *; };\n"
NEW_VERSIONS = "WHALE_1.0 { global: whale; local: *; };\nWHALE_2.0 { global: calf; } WHALE_1.0;\n"
PATH = {"env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}
PYTHON = ("python3", "-c")


def both(*breaks: Callable[[Lab], None]) -> Callable[[Lab], None]:
    """Several things done to a tree, in turn."""

    def do(lab: Lab) -> None:
        for each in breaks:
            each(lab)

    return do


def script(line: str, *rest: str) -> str:
    return "\n".join((line, *rest, "echo hello", ""))


def _two_versions(lab: Lab) -> None:
    """A library with symbol versions, and a program that needs the newer one."""
    table = lab.sources / "new.map"
    table.write_text(NEW_VERSIONS)
    soname = "-Wl,-soname,libwhale.so.1"
    lab.compile("/usr/lib/libwhale.so.1", LARGER, "-shared", "-fPIC", soname, f"-Wl,--version-script={table}")
    lab.compile("/usr/bin/whale", USES_LARGER, str(lab.path("/usr/lib/libwhale.so.1")))


def _older_version(lab: Lab) -> None:
    table = lab.sources / "old.map"
    table.write_text(VERSIONS)
    soname = "-Wl,-soname,libwhale.so.1"
    lab.compile(
        "/usr/lib/libwhale.so.1", LIBRARY, "-shared", "-fPIC", soname, f"-Wl,--version-script={table}"
    )


def _library(lab: Lab, source: str = LIBRARY, place: str = "/usr/lib/libwhale.so.1") -> None:
    lab.compile(place, source, "-shared", "-fPIC", "-Wl,-soname,libwhale.so.1")


def _program_with_library(lab: Lab) -> None:
    _library(lab)
    lab.compile("/usr/bin/whale", USES_LIBRARY, str(lab.path("/usr/lib/libwhale.so.1")))


def _three_deep(lab: Lab) -> None:
    """A program whose library needs another, which needs a third."""
    for number in (3, 2, 1):
        name = f"libdeep{number}.so.1"
        below = [str(lab.path(f"/usr/lib/libdeep{number + 1}.so.1"))] if number < 3 else []
        code = f"int deep{number}(void) {{ return {f'deep{number + 1}()' if below else '7'}; }}\n"
        code = (f"int deep{number + 1}(void);\n" if below else "") + code
        lab.compile(f"/usr/lib/{name}", code, "-shared", "-fPIC", f"-Wl,-soname,{name}", *below)
    code = "int deep1(void);\nint main(void) { return deep1() - 7; }\n"
    lab.compile(
        "/usr/bin/whale", code, str(lab.path("/usr/lib/libdeep1.so.1")), "-Wl,--allow-shlib-undefined"
    )


def _with_larger(lab: Lab) -> None:
    _library(lab, LARGER)
    lab.compile("/usr/bin/whale", USES_LARGER, str(lab.path("/usr/lib/libwhale.so.1")))


def _extension(lab: Lab) -> None:
    """A Python package with an extension module that has a library of its own, as a wheel has."""
    packages = "/usr/lib/python3/dist-packages"
    place = f"{packages}/whale.libs/libwhale-1f2e3d4c.so.1"
    lab.compile(place, LIBRARY, "-shared", "-fPIC", "-Wl,-soname,libwhale-1f2e3d4c.so.1")
    lab.compile(
        f"{packages}/whale/_whale.so",
        "const char *whale(void);\nvoid *PyInit__whale(void) { whale(); return 0; }\n",
        "-shared",
        "-fPIC",
        str(lab.path(place)),
        "-Wl,-rpath,$ORIGIN/../whale.libs",
    )
    lab.write(
        f"{packages}/whale/__init__.py",
        "import ctypes, os\nctypes.CDLL(os.path.join(os.path.dirname(__file__), '_whale.so'))\n",
    )


def _package(lab: Lab) -> None:
    lab.write("/usr/lib/python3/dist-packages/whale/__init__.py", "name = 'whale'\n")
    lab.write("/usr/lib/python3/dist-packages/whale/song.py", "notes = 7\n")


def _repository(lab: Lab) -> None:
    """A repository that a plain HTTP server can serve, and a script that clones it."""
    lab.write(
        "/srv/clone",
        "#!/bin/sh\nset -e\ncd /srv\ngit init -q -b main repo 2>/dev/null || true\n"
        "git -C repo -c user.name=a -c user.email=a@b commit -q --allow-empty -m x\n"
        "git -C repo update-server-info\n"
        "python3 -m http.server -b 127.0.0.1 8123 2>/dev/null &\nsleep 1\n"
        "git ls-remote http://127.0.0.1:8123/repo/.git; s=$?\nkill $!\nexit $s\n",
        0o755,
    )


BROKEN = (
    # ---- what the kernel refuses ----
    Broken(
        "crlf",
        "ends with CRLF",
        ("/usr/local/bin/go",),
        lambda lab: lab.write("/usr/local/bin/go", "#!/bin/sh\r\necho hello\r\n", 0o755),
    ),
    Broken(
        "interpreter",
        "/usr/local/bin/bash",
        ("/go",),
        lambda lab: lab.write("/go", script("#!/usr/local/bin/bash"), 0o755),
    ),
    Broken(
        "env",
        '"python"',
        ("/go.py",),
        lambda lab: lab.write("/go.py", "#!/usr/bin/env python\nprint(1)\n", 0o755),
        base="tools",
    ),
    Broken(
        "env-split",
        "all of the line as one argument",
        ("/go.py",),
        lambda lab: lab.write("/go.py", "#!/usr/bin/env python3 -u\nprint(1)\n", 0o755),
        base="tools",
    ),
    Broken(
        "crlf",
        "ends with CRLF",
        ("/go.py",),
        lambda lab: lab.write("/go.py", "#!/usr/bin/env python3\r\nprint(1)\r\n", 0o755),
        base="tools",
    ),
    Broken(
        "mode", "no execute permission", ("/go",), lambda lab: lab.write("/go", script("#!/bin/sh"), 0o644)
    ),
    Broken(
        "no-interpreter",
        "without a #! line",
        ("/go",),
        lambda lab: lab.write("/go", script("# no first line"), 0o755),
    ),
    Broken(
        "bom",
        "byte order mark",
        ("/go",),
        lambda lab: lab.write("/go", b"\xef\xbb\xbf#!/bin/sh\necho hello\n", 0o755),
    ),
    Broken(
        "empty",
        "is empty",
        ("/go",),
        lambda lab: lab.write("/go", "", 0o755),
        against=True,
        healthy=lambda lab: lab.compile("/go", HELLO),
    ),
    Broken(
        "lfs",
        "Git LFS",
        ("/go",),
        lambda lab: lab.write(
            "/go", "version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n", 0o755
        ),
        against=True,
        healthy=lambda lab: lab.compile("/go", HELLO),
    ),
    Broken(
        "damaged",
        "is damaged",
        ("/go",),
        lambda lab: lab.write("/go", lab.path("/go").read_bytes()[:80], 0o755),
        against=True,
        healthy=lambda lab: lab.compile("/go", HELLO),
    ),
    Broken(
        "architecture",
        "built for arm64",
        ("/go",),
        lambda lab: lab.compile("/go", HELLO, target="aarch64-linux-musl"),
        against=True,
        healthy=lambda lab: lab.compile("/go", HELLO),
    ),
    Broken(
        "interpreter",
        "its dynamic loader",
        ("/go",),
        lambda lab: lab.remove("/[!g]*"),
        against=True,
        healthy=lambda lab: lab.compile("/go", HELLO),
    ),
    Broken(
        "libc",
        "linked to glibc",
        ("/go",),
        lambda lab: lab.compile("/go", HELLO),
        base="musl",
        against=True,
        healthy=lambda lab: lab.compile("/go", HELLO, "-dynamic", target="x86_64-linux-musl"),
    ),
    Broken(
        "libc",
        "linked to musl",
        ("/go",),
        lambda lab: lab.compile("/go", HELLO, "-dynamic", target="x86_64-linux-musl"),
        against=True,
        healthy=lambda lab: lab.compile("/go", HELLO),
    ),
    Broken(
        "path",
        "in no directory of PATH",
        ("whale",),
        lambda lab: lab.write("/opt/whale/bin/whale", script("#!/bin/sh"), 0o755),
    ),
    Broken(
        "command", "no file named find", ("find", "/etc/hostname"), lambda lab: lab.remove("/usr/bin/find")
    ),
    Broken("link", "leads to nothing", ("awk", "BEGIN { print 1 }"), lambda lab: lab.remove("/usr/bin/mawk")),
    # ---- what the loader misses ----
    Broken(
        "library",
        "libcurl.so.4",
        ("curl", "--version"),
        lambda lab: lab.remove("/usr/lib/x86_64-linux-gnu/libcurl.so.4*"),
        base="tools",
    ),
    Broken(
        "library",
        "libdeep1.so.1",
        ("whale",),
        lambda lab: lab.remove("/usr/lib/libdeep*"),
        against=True,
        healthy=_three_deep,
    ),
    Broken(
        "library-path",
        "where the loader does not look",
        ("whale",),
        both(
            lambda lab: _library(lab, place="/opt/whale/lib/libwhale.so.1"),
            lambda lab: lab.remove("/usr/lib/libwhale.so.1"),
        ),
        healthy=_program_with_library,
    ),
    Broken(
        "library-path",
        "where the loader does not look",
        ("whale",),
        both(
            lambda lab: _library(lab, place="/opt/whale/lib/libwhale.so.1"),
            lambda lab: lab.remove("/usr/lib/libwhale.so.1"),
            lambda lab: lab.write("/etc/ld.so.conf.d/whale.conf", "/opt/whale/lib\n"),
        ),
        healthy=_program_with_library,
    ),
    Broken("version", "WHALE_2.0", ("whale",), _older_version, against=True, healthy=_two_versions),
    Broken("symbol", "calf", ("whale",), _library, against=True, healthy=_with_larger),
    Broken(
        "library-refused",
        "libwhale.so.1",
        ("whale",),
        lambda lab: lab.write("/usr/lib/libwhale.so.1", "", 0o755),
        against=True,
        healthy=_program_with_library,
    ),
    Broken(
        "library",
        "libplugin.so.1",
        ("whale",),
        lambda lab: lab.remove("/usr/lib/libplugin.so.1"),
        against=True,
        healthy=both(
            lambda lab: lab.compile("/usr/lib/libplugin.so.1", LIBRARY, "-shared", "-fPIC"),
            lambda lab: lab.compile("/usr/bin/whale", OPENS),
        ),
    ),
    Broken(
        "library",
        "libwhale-1f2e3d4c.so.1",
        (*PYTHON, "import whale"),
        lambda lab: lab.remove("/usr/lib/python3/dist-packages/whale.libs"),
        base="tools",
        against=True,
        healthy=_extension,
    ),
    # ---- what languages miss ----
    Broken(
        "python-module",
        "json",
        (*PYTHON, "import json"),
        lambda lab: lab.remove("/usr/lib/python3.11/json"),
        base="tools",
    ),
    Broken(
        "python-module",
        "whale",
        (*PYTHON, "import whale.song"),
        lambda lab: lab.remove("/usr/lib/python3/dist-packages/whale"),
        base="tools",
        against=True,
        healthy=_package,
    ),
    Broken(
        "python-home",
        "standard library",
        (*PYTHON, "print(1)"),
        lambda lab: lab.remove("/usr/lib/python3.11"),
        base="tools",
        against=True,
    ),
    Broken(
        "perl-module",
        "JSON::XS",
        ("perl", "-MJSON::XS", "-e", "print 1"),
        lambda lab: lab.remove("/usr/lib/x86_64-linux-gnu/perl5/5.36/JSON/XS.pm"),
        base="tools",
    ),
    Broken(
        "perl-object",
        "compiled part (XS)",
        ("perl", "-MJSON::XS", "-e", "print 1"),
        lambda lab: lab.remove("/usr/lib/x86_64-linux-gnu/perl5/5.36/auto/JSON/XS/XS.so"),
        base="tools",
    ),
    Broken(
        "ruby-module",
        "json",
        ("ruby", "-e", "require 'json'"),
        lambda lab: lab.remove("/usr/lib/ruby/3.1.0/json.rb"),
        base="tools",
    ),
    Broken(
        "library",
        "mbstring",
        ("php", "-r", "echo mb_strlen('x');"),
        lambda lab: lab.remove("/usr/lib/php/20220829/mbstring.so"),
        base="tools",
    ),
    Broken(
        "node-module",
        "express",
        ("node", "-e", "require('express')"),
        lambda lab: lab.remove("/usr/share/nodejs/express"),
        base="node",
    ),
    Broken(
        "node-module",
        "/app/lib/song",
        ("node", "/app/main.js"),
        lambda lab: lab.remove("/app/lib"),
        base="node",
        against=True,
        healthy=both(
            lambda lab: lab.write("/app/main.js", "require('./lib/song')\n"),
            lambda lab: lab.write("/app/lib/song.js", "module.exports = 1\n"),
        ),
    ),
    Broken(
        "java-home",
        "libjvm.so",
        ("java", "-version"),
        lambda lab: lab.remove("/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so"),
        base="java",
    ),
    Broken(
        "file",
        "/app.jar",
        ("java", "-jar", "/app.jar"),
        lambda lab: lab.remove("/app.jar"),
        base="java",
        against=True,
        healthy=lambda lab: None,
        options={"steps": [("for", "3")]},
    ),
    # ---- what is around a program ----
    Broken("command", "find", ("sh", "-ec", "find /etc/hostname"), lambda lab: lab.remove("/usr/bin/find")),
    Broken(
        "file",
        "/etc/whale/settings",
        ("bash", "-ec", ". /etc/whale/settings; echo $A"),
        lambda lab: lab.remove("/etc/whale"),
        against=True,
        healthy=lambda lab: lab.write("/etc/whale/settings", "A=1\n"),
    ),
    Broken(
        "file",
        "/etc/whale/whale.conf",
        ("/whale",),
        lambda lab: lab.remove("/etc/whale"),
        against=True,
        healthy=both(
            lambda lab: lab.compile("/whale", SILENT), lambda lab: lab.write("/etc/whale/whale.conf", "a")
        ),
    ),
    Broken(
        "file",
        "/opt/whale/data.bin",
        ("/whale",),
        lambda lab: lab.remove("/opt/whale/data.bin"),
        against=True,
        healthy=both(
            lambda lab: lab.compile("/whale", CRASHES), lambda lab: lab.write("/opt/whale/data.bin", "abc")
        ),
    ),
    Broken(
        "workdir",
        "/srv/app/app.py",
        ("python3", "app.py"),
        lambda lab: lab.write("/srv/app/app.py", "print(1)\n"),
        base="tools",
    ),
    Broken(
        "git-helper",
        "git-remote-http",
        ("/srv/clone",),
        lambda lab: lab.remove("/usr/lib/git-core/git-remote-*"),
        base="tools",
        healthy=_repository,
    ),
    Broken("user", "no user whale", ("id",), lambda lab: None, options={"user": "whale"}),
    Broken(
        "user",
        "1234",
        (*PYTHON, "import os, pwd; print(pwd.getpwuid(os.getuid()))"),
        lambda lab: None,
        base="tools",
        options={"user": "1234"},
    ),
    Broken(
        "temporary",
        "no /tmp",
        (*PYTHON, "import tempfile; tempfile.TemporaryFile()"),
        lambda lab: lab.remove("/tmp", "/var/tmp"),
        base="tools",
        options={"workdir": "/proc"},
    ),
    Broken(
        "permission",
        "/data",
        ("sh", "-ec", "echo a > /data/file"),
        lambda lab: lab.directory("/data"),
        options={"user": "1000:1000"},
    ),
    Broken(
        "permission",
        "/etc/whale.conf",
        ("cat", "/etc/whale.conf"),
        lambda lab: lab.write("/etc/whale.conf", "secret\n", 0o600),
        options={"user": "1000:1000"},
    ),
    Broken(
        "home",
        "no home directory",
        ("sh", "-ec", 'mkdir "${HOME%/}/.cache"'),
        lambda lab: None,
        options={"user": "1000:1000"},
        remedy=0,
    ),
    Broken(
        "read-only",
        "--read-only",
        ("sh", "-ec", "echo a > /srv/whale.log; echo b > /mnt/calf.log"),
        lambda lab: None,
        options={"read_only": True},
    ),
    Broken(
        "locale",
        "de_DE.UTF-8",
        (*PYTHON, "import locale; locale.setlocale(locale.LC_ALL, '')"),
        lambda lab: None,
        base="tools",
        options={"env": ["LC_ALL=de_DE.UTF-8"]},
        remedy=1,
    ),
    Broken(
        "time-zone",
        "no time zones",
        (*PYTHON, "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')"),
        lambda lab: lab.remove("/usr/share/zoneinfo"),
        base="tools",
    ),
    Broken(
        "file",
        "ca-certificates.crt",
        (*PYTHON, "import ssl; ssl.create_default_context(cafile='/etc/ssl/certs/ca-certificates.crt')"),
        lambda lab: lab.remove("/etc/ssl/certs/ca-certificates.crt"),
        base="tools",
        against=True,
    ),
    Broken(
        "gconv",
        "character set",
        ("sh", "-ec", "echo a | iconv -f ISO-8859-15 -t UTF-8"),
        lambda lab: lab.remove("/usr/lib/x86_64-linux-gnu/gconv"),
    ),
    Broken(
        "terminal",
        "xterm",
        ("tput", "-T", "xterm", "cols"),
        lambda lab: lab.remove("/lib/terminfo", "/usr/share/terminfo"),
        base="tools",
    ),
    Broken(
        "service",
        "/etc/services",
        (*PYTHON, "import socket; socket.getservbyname('http')"),
        lambda lab: lab.remove("/etc/services"),
        base="tools",
        against=True,
    ),
    Broken(
        "library",
        "legacy.so",
        ("openssl", "dgst", "-provider", "legacy", "-md4", "/etc/hostname"),
        lambda lab: lab.remove("/usr/lib/x86_64-linux-gnu/ossl-modules/legacy.so"),
        base="tools",
    ),
    Broken(
        "set-user-id",
        "set-user-ID bit",
        ("sudo", "-n", "true"),
        lambda lab: lab.mode("/usr/bin/sudo", 0o755),
        base="tools",
        options={"user": "games"},
        healthy=lambda lab: lab.write("/etc/sudoers.d/whale", "ALL ALL=(ALL) NOPASSWD: ALL\n", 0o440),
    ),
    # ---- what no message of ours has words for, and what lies elsewhere ----
    Broken(
        "file",
        "/etc/whale/net.map",
        ("sh", "-c", "test -e /etc/whale/net.map || { echo 'whale 3: bad net /etc/whale/net.map'; exit 9; }"),
        lambda lab: lab.remove("/etc/whale"),
        against=True,
        healthy=lambda lab: lab.write("/etc/whale/net.map", "a\n"),
    ),
    Broken(
        "directory",
        "/var/lib/whale",
        (*PYTHON, "import sqlite3; sqlite3.connect('/var/lib/whale/a.db').execute('create table t (a)')"),
        lambda lab: None,
        base="tools",
    ),
    Broken(
        "permission",
        "/data",
        (*PYTHON, "import sqlite3; sqlite3.connect('/data/a.db').execute('create table t (a)')"),
        lambda lab: lab.directory("/data"),
        base="tools",
        options={"user": "1000:1000"},
    ),
    Broken(
        "python-module",
        "/opt/app/whale.py",
        (*PYTHON, "import whale"),
        lambda lab: lab.write("/opt/app/whale.py", "name = 'whale'\n"),
        base="tools",
    ),
    Broken(
        "python-module",
        "_sqlite3",
        (*PYTHON, "import sqlite3"),
        lambda lab: lab.remove("/usr/lib/python3.11/lib-dynload/_sqlite3.*"),
        base="tools",
    ),
    Broken(
        "perl-module",
        "/opt/app/lib/Whale.pm",
        ("perl", "-e", "use Whale; print 1"),
        lambda lab: lab.write("/opt/app/lib/Whale.pm", "package Whale; 1;\n"),
    ),
    Broken(
        "library",
        "libssl.so.3",
        (*PYTHON, "import ctypes; ctypes.CDLL('libssl.so')"),
        lambda lab: None,
        base="tools",
    ),
    Broken(
        "interpreter",
        "/build/venv/bin/python3",
        ("/opt/venv/bin/tool",),
        lambda lab: lab.write("/opt/venv/bin/tool", "#!/build/venv/bin/python3\nprint(1)\n", 0o755),
        base="tools",
    ),
    Broken(
        "link",
        "leads to nothing",
        ("/opt/venv/bin/python", "-c", "print(1)"),
        lambda lab: lab.link("/opt/venv/bin/python", "/usr/local/bin/python3.11"),
        base="tools",
    ),
    # ---- what COPY --from takes not along ----
    Broken("variable", "WHALE_PORT", ("bash", "-euc", "echo $WHALE_PORT"), lambda lab: None),
    Broken(
        "variable",
        "WHALE_URL",
        (*PYTHON, "import os; os.environ['WHALE_URL']"),
        lambda lab: None,
        base="tools",
    ),
    Broken(
        "home",
        "no home directory",
        ("node", "-e", "require('fs').mkdirSync(require('os').homedir() + '/.cache')"),
        lambda lab: None,
        base="node",
        options={"user": "1000:1000"},
    ),
    Broken(
        "git-owner",
        "belongs to another user",
        ("git", "-C", "/srv/repo", "status"),
        both(
            lambda lab: lab.write("/srv/repo/.git/HEAD", "ref: refs/heads/main\n"),
            lambda lab: lab.directory("/srv/repo/.git/objects"),
            lambda lab: lab.directory("/srv/repo/.git/refs"),
            lambda lab: lab.directory("/srv/repo/.git", owner=1000),
            lambda lab: lab.directory("/srv/repo", owner=1000),
        ),
        base="tools",
    ),
    Broken(
        "encoding",
        "as ASCII",
        ("ruby", "-e", "puts [0xc3, 0xa9].pack('C*').force_encoding(Encoding.default_external).split(/x/)"),
        lambda lab: None,
        base="tools",
        remedy=1,
    ),
)
