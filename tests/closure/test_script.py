"""Lines that begin with ``#!``, as the kernel of this machine reads them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tracewhale.closure.script import interpreter

HEADS = {
    "plain": b"#!/bin/echo\n",
    "argument": b"#! /bin/echo  -x y \t\n",
    "tabs": b"#!\t/bin/echo\tz\t \n",
    "without-newline": b"#!/bin/echo",
    "nothing": b"#!\n",
    "only-spaces": b"#!   \t \n",
    "nul-in-argument": b"#!/bin/echo a\0b\n",
    "nul-after-name": b"#!/bin/echo\0 b\n",
    "carriage-return": b"#!/bin/echo\r\n",
    "long-argument": b"#!/bin/echo " + b"a" * 400 + b"\n",
    "long-name": b"#!/bin/" + b"/" * 300 + b"echo\n",
    "name-fills-the-buffer": b"#!" + b"/" * (256 - 2 - len("bin/echo")) + b"bin/echo\n",
    "name-nearly-fills-the-buffer": b"#!" + b"/" * (255 - 2 - len("bin/echo")) + b"bin/echo\n",
    "no-mark": b" #!/bin/echo\n",
}


@pytest.mark.parametrize("name", HEADS)
def test_interpreter_is_the_kernels(name: str, tmp_path: Path) -> None:
    path = tmp_path / "script"
    path.write_bytes(HEADS[name])
    path.chmod(0o755)
    try:
        output = subprocess.run([path], capture_output=True, check=False).stdout
        wanted = output.removesuffix(b"\n").removesuffix(os.fsencode(path)).rstrip(b" ")
    except OSError:
        wanted = None
    found = interpreter(HEADS[name])
    if found is not None and not os.path.exists(found[0]):
        found = None  # the kernel does not run it either
    assert (os.fsencode(found[1]) if found else None) == wanted
    assert found is None or os.path.samefile(found[0], "/bin/echo")


def test_what_is_no_script() -> None:
    assert interpreter(b"\x7fELF") is None
    assert interpreter(b"") is None
