"""Libraries that scripts open by name."""

from __future__ import annotations

from tests.languages.text import closed, edges

LIB = "/usr/lib/x86_64-linux-gnu"
TREE = f"""
    /app/a.py: import ctypes\\nctypes.CDLL('libmagic.so.1')\\nopen('libz.so.1')\\n
    /app/b.py: from ctypes.util import find_library\\nfind_library("usb-1.0")\\nfind_library(name)\\n
    /app/c.rb: extend FFI::Library\\nffi_lib 'magic'\\nffi_lib ['libusb-1.0.so.0', 'usb']\\n
    /app/d.php: <?php FFI::cdef('int f();', "libmagic.so.1");\\n
    /app/plain.py: open('libmagic.so.1')\\n
    {LIB}/libmagic.so.1: m
    {LIB}/libusb-1.0.so.0: u
    /usr/local/lib/libusb.so.2: u
"""


def test_a_literal_names_a_library_where_the_text_opens_libraries() -> None:
    sources = [f"/app/{name}" for name in ("a.py", "b.py", "c.rb", "d.php", "plain.py")]
    assert edges(closed(TREE, sources)).splitlines() == [
        f"/app/a.py:2 libmagic.so.1 -> {LIB}/libmagic.so.1 (library)",
        f"/app/b.py:2 libusb-1.0.so -> {LIB}/libusb-1.0.so.0 (library)",
        f"/app/c.rb:2 libmagic.so -> {LIB}/libmagic.so.1 (library)",
        f"/app/c.rb:3 libusb-1.0.so.0 -> {LIB}/libusb-1.0.so.0 (library)",
        f"/app/d.php:1 libmagic.so.1 -> {LIB}/libmagic.so.1 (library)",
    ]
