"""Native libraries of modules that are left out."""

from __future__ import annotations

import pytest

from tracewhale.java.natives import method_names, unreachable

PACKAGES = {"java/util": "java.base", "java/util/prefs": "java.prefs", "sun/awt": "java.desktop"}
LIBRARIES = {
    "/lib/libbase.so": b"\0Java_java_util_Zone_id\0",
    "/lib/libprefs.so": b"\0Java_java_util_prefs_Store_open\0",
    "/lib/libawt.so": b"\0Java_sun_awt_Image_draw__Ljava_lang_String_2\0libpixels.so\0libshared.so\0",
    "/lib/libboth.so": b"\0Java_java_util_Zone_x\0Java_sun_awt_Image_x\0libshared.so\0",
    "/lib/libpixels.so": b"no native method",
    "/lib/libshared.so": b"no native method",
    "/lib/libagent.so": b"\0Agent_OnLoad\0",
}


@pytest.mark.parametrize(
    ("symbol", "method"),
    [
        ("java_io_File_length0", "java/io/File/length0"),
        ("a_b_1c_D_00024E_f", "a/b_c/D$E/f"),
        ("a_B_f__I_3Ljava_lang_String_2", "a/B/f//I[Ljava/lang/String;"),
    ],
)
def test_a_symbol_names_a_method(symbol: str, method: str) -> None:
    """JNI Specification, table 2-1."""
    assert method_names(f"\0Java_{symbol}\0".encode()) == {method}


@pytest.mark.parametrize(
    ("left_out", "names"),
    [
        (set(), set()),
        ({"java.prefs"}, {"prefs"}),
        ({"java.desktop"}, {"awt", "pixels"}),
        ({"java.desktop", "java.base"}, {"awt", "pixels", "base", "both", "shared"}),
    ],
)
def test_a_library_goes_with_all_modules_that_it_serves(left_out: set[str], names: set[str]) -> None:
    expected = {f"/lib/lib{name}.so" for name in names}
    assert unreachable(LIBRARIES, PACKAGES, left_out) == expected


def test_a_name_of_many_components_takes_no_more_time() -> None:
    library = b"\0Java_sun_awt_" + b"a_" * 500_000 + b"x\0"
    assert unreachable({"/lib/libawt.so": library}, PACKAGES, {"java.desktop"}) == {"/lib/libawt.so"}
