"""Packages of Python, Node, Ruby and Java: whose a file is, and which metadata is kept beside it."""

from __future__ import annotations

import io
import tracemalloc
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.packages.images import Image

SITE = "/opt/venv/lib/python3.11/site-packages"

PYTHON = Image(
    f"""
    {SITE}/flask/__init__.py: f
    {SITE}/flask/app.py: a
    {SITE}/flask/__pycache__/app.cpython-311.pyc: c
    {SITE}/click/core.py: k
    {SITE}/old.py: o
    {SITE}/egg/x.py: e
    {SITE}/egg/y.py: e
    {SITE}/loose.py: l
    {SITE}/flask-2.2.2.dist-info/licenses/LICENSE.txt: BSD
    {SITE}/flask-2.2.2.dist-info/WHEEL: w
    {SITE}/click-8.1.3.dist-info/LICENSE.rst: BSD
    {SITE}/egg-1.0-py3.11.egg-info/PKG-INFO: -
    /opt/venv/bin/flask: script
    """,
    {
        f"{SITE}/flask-2.2.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: Flask\nVersion: 2.2.2\n"
        "License: BSD-3-Clause\nAuthor: Armin\n\nA text with Name: none\n",
        f"{SITE}/flask-2.2.2.dist-info/RECORD": '../../../bin/flask,,\n"flask/__init__.py",sha256=x,1\n'
        "flask/app.py,,\nflask-2.2.2.dist-info/METADATA,,\nflask-2.2.2.dist-info/RECORD,,\n",
        f"{SITE}/click-8.1.3.dist-info/METADATA": "Name: click\nVersion: 8.1.3\n",
        f"{SITE}/click-8.1.3.dist-info/RECORD": "click/core.py,,\nclick/gone.py,,\n",
        f"{SITE}/old-0.1.egg-info": "Metadata-Version: 1.0\nName: old\nVersion: 0.1\n",
        f"{SITE}/egg-1.0-py3.11.egg-info/top_level.txt": "egg\n",
    },
)


def test_a_distribution_of_python_is_told_by_its_record() -> None:
    found = PYTHON.find(f"{SITE}/flask/__pycache__/app.cpython-311.pyc", "/opt/venv/bin/flask")
    assert [line.split() for line in found.kept] == [
        [
            "Flask",
            "2.2.2",
            "part",
            "/opt/venv/bin/flask",
            f"{SITE}/flask-2.2.2.dist-info/METADATA",
            f"{SITE}/flask-2.2.2.dist-info/licenses/LICENSE.txt",
            f"{SITE}/flask/__pycache__/app.cpython-311.pyc",
        ]
    ]
    assert found.left_out == ["click", "egg", "old"]
    assert found.added == [
        f"{SITE}/flask-2.2.2.dist-info",
        f"{SITE}/flask-2.2.2.dist-info/METADATA",
        f"{SITE}/flask-2.2.2.dist-info/licenses",
        f"{SITE}/flask-2.2.2.dist-info/licenses/LICENSE.txt",
    ]
    (owned,) = found.inventory.kept_packages
    assert (owned.package.licence, owned.package.supplier) == ("BSD-3-Clause", "Armin")


def test_without_a_record_the_top_level_tells() -> None:
    assert PYTHON.find(f"{SITE}/egg/x.py").kept == [
        f"egg 1.0 part {SITE}/egg-1.0-py3.11.egg-info/PKG-INFO {SITE}/egg/x.py"
    ]
    assert PYTHON.find(f"{SITE}/old.py").kept == [f"old 0.1 whole {SITE}/old-0.1.egg-info {SITE}/old.py"]


def test_what_the_record_has_and_the_image_has_not_is_not_missing() -> None:
    every = [f"{SITE}/click/core.py", f"{SITE}/click-8.1.3.dist-info/RECORD"]
    assert PYTHON.find(*every).kept[0].startswith("click 8.1.3 whole ")


def test_metadata_alone_is_no_distribution() -> None:
    found = PYTHON.find(f"{SITE}/click-8.1.3.dist-info/METADATA", f"{SITE}/loose.py")
    assert (found.kept, found.left_out) == ([], ["click", "egg", "flask", "old"])


def test_licences_are_left_where_they_are_not_wanted() -> None:
    found = PYTHON.find(f"{SITE}/flask/app.py", licences=False)
    assert [path for path in found.added if "licenses" in path] == []


MODULES = "/app/node_modules"

NODE = Image(
    f"""
    /app/server.js: s
    {MODULES}/express/index.js: e
    {MODULES}/express/lib/a.js: a
    {MODULES}/express/LICENSE: MIT
    {MODULES}/@scope/part/index.mjs: p
    {MODULES}/@scope/other/index.js: o
    {MODULES}/@scope/part/cjs/x.cjs: x
    {MODULES}/whole/index.js: w
    {MODULES}/unused/index.js: u
    /data/file.js: no package
    """,
    {
        "/app/package.json": '{"name": "shop", "version": "1.0.0"}',
        "/package.json": '{"name": "root", "version": "1.0.0"}',
        f"{MODULES}/express/package.json": '{"name": "express", "version": "4.18.2", "license": "MIT", '
        '"author": {"name": "TJ"}}',
        f"{MODULES}/@scope/part/package.json": '{"name": "@scope/part", "version": "2.0.0", '
        '"license": {"type": "ISC"}}',
        f"{MODULES}/@scope/part/cjs/package.json": '{"type": "commonjs"}',
        f"{MODULES}/whole/package.json": '{"name": "whole", "version": "3.0.0"}',
    },
)


def test_a_package_of_node_is_the_nearest_with_a_name_and_a_version() -> None:
    found = NODE.find("/app/server.js", f"{MODULES}/@scope/part/cjs/x.cjs", "/data/file.js")
    part = f"{MODULES}/@scope/part"
    assert found.kept == [
        f"@scope/part 2.0.0 part {part}/cjs/x.cjs {part}/package.json",
        "shop 1.0.0 part /app/package.json /app/server.js",
    ]
    assert found.left_out == ["express", "@scope/other", "unused", "whole"]
    assert [(o.package.namespace, o.package.licence) for o in found.inventory.kept_packages] == [
        ("@scope", "ISC"), ("", ""),
    ]  # fmt: skip


def test_a_package_of_node_keeps_its_licence() -> None:
    found = NODE.find(f"{MODULES}/express/index.js")
    assert found.added == [f"{MODULES}/express/LICENSE", f"{MODULES}/express/package.json"]
    assert [o.package.supplier for o in found.inventory.kept_packages] == ["TJ"]


def test_a_package_of_node_with_all_its_files_is_whole() -> None:
    assert NODE.find(f"{MODULES}/whole/index.js").kept == [
        f"whole 3.0.0 whole {MODULES}/whole/index.js {MODULES}/whole/package.json"
    ]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"name": 1, "version": 2}', '{"name": "x"}', "[" * 9999])
def test_what_is_no_package_json_names_nothing(text: str) -> None:
    assert Image("/app/x.js: x", {"/app/package.json": text}).find("/app/x.js").kept == []


GEMS = "/usr/lib/ruby/gems/3.1.0"

RUBY = Image(
    f"""
    {GEMS}/gems/rack-2.2.4/lib/rack.rb: r
    {GEMS}/gems/rack-2.2.4/lib/more.rb: m
    {GEMS}/gems/rack-2.2.4/MIT-LICENSE: MIT
    {GEMS}/gems/nokogiri-1.13.10-x86_64-linux/lib/n.so: n
    {GEMS}/gems/bare-1.0/lib/b.rb: b
    {GEMS}/specifications/json-2.6.1.gemspec: j
    {GEMS}/specifications/nokogiri-1.13.10-x86_64-linux.gemspec: n
    """,
    {
        f"{GEMS}/specifications/rack-2.2.4.gemspec": "Gem::Specification.new do |s|\n"
        '  s.licenses = ["MIT".freeze]\n  s.authors = ["Leah".freeze]\nend\n',
    },
)


def test_a_gem_is_told_by_its_directory() -> None:
    found = RUBY.find(
        f"{GEMS}/gems/rack-2.2.4/lib/rack.rb",
        f"{GEMS}/gems/nokogiri-1.13.10-x86_64-linux/lib/n.so",
        f"{GEMS}/gems/bare-1.0/lib/b.rb",
    )
    assert [line.replace(f"{GEMS}/", "").split() for line in found.kept] == [
        [
            "nokogiri",
            "1.13.10",
            "whole",
            "gems/nokogiri-1.13.10-x86_64-linux/lib/n.so",
            "specifications/nokogiri-1.13.10-x86_64-linux.gemspec",
        ],
        [
            "rack",
            "2.2.4",
            "part",
            "gems/rack-2.2.4/MIT-LICENSE",
            "gems/rack-2.2.4/lib/rack.rb",
            "specifications/rack-2.2.4.gemspec",
        ],
    ]
    assert found.left_out == ["json"]
    rack = found.inventory.kept_packages[1].package
    assert (rack.licence, rack.supplier) == ("MIT", "Leah")


def archive(members: dict[str, bytes], stored: bool = False) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


POM = b"#made\nversion=2.0\ngroupId=org.example\nartifactId=core\n"
CORE = archive({"META-INF/MANIFEST.MF": b"", "META-INF/maven/org.example/core/pom.properties": POM})
BUNDLE = archive({
    "META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\r\nBundle-SymbolicName: org.osgi.th\r\n ing;x=y\r\n"
    b"Bundle-Version: 3.1\r\nBundle-License: Apache-2.0\r\n\r\nName: other\r\nBundle-Version: 9\r\n",
})  # fmt: skip
PLAIN = archive({"a.class": b"x"})


def boot(stored: bool) -> bytes:
    return archive(
        {
            "META-INF/MANIFEST.MF": b"Implementation-Title: shop\nImplementation-Version: 1.0\n",
            "BOOT-INF/lib/core-2.0.jar": CORE,
            "BOOT-INF/lib/plain-0.9.jar": PLAIN,
            "big": bytes(300_000),
        },
        stored,
    )


@pytest.mark.parametrize("stored", [True, False])
def test_archives_of_java_are_looked_into(stored: bool) -> None:
    image = Image("/app/README: r", {"/app/app.jar": boot(stored), "/app/thing.jar": BUNDLE})
    found = image.find("/app/app.jar", "/app/thing.jar")
    assert found.kept == [
        "org.example:core 2.0 whole /app/app.jar",
        "org.osgi.thing 3.1 whole /app/thing.jar",
        "plain 0.9 whole /app/app.jar",
        "shop 1.0 whole /app/app.jar",
    ]
    assert [o.package.licence for o in found.inventory.kept_packages] == ["", "Apache-2.0", "", ""]
    assert found.added == []


def test_of_a_large_archive_little_is_read() -> None:
    padded = archive(
        {"big": bytes(range(256)) * 40_000, "META-INF/maven/g/a/pom.properties": POM}, stored=True
    )
    image = Image("/app/README: r", {"/app/app.jar": padded})
    assert image.find("/app/app.jar").kept == ["org.example:core 2.0 whole /app/app.jar"]
    assert image.tree.bytes_read < 300_000 < len(padded)


@given(st.data())
def test_a_damaged_archive_does_no_harm(data: st.DataObject) -> None:
    content = bytearray(boot(data.draw(st.booleans()))[-2000:])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    Image("/app/README: r", {"/app/app.jar": bytes(content)}).find("/app/app.jar")


def test_an_archive_that_lies_about_its_sizes_is_not_decompressed() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as jar:
        jar.writestr("META-INF/MANIFEST.MF", bytes(200 << 20))
    honest = (200 << 20).to_bytes(4, "little")
    assert made.getvalue().count(honest) == 2
    image = Image(
        "/x: x", {"/opt/liar-1.0.jar": made.getvalue().replace(honest, (100).to_bytes(4, "little"))}
    )
    tracemalloc.start()
    try:
        image.find("/opt/liar-1.0.jar")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20
