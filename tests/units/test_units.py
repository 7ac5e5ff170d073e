"""The units of small trees that are written down."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.packages.images import Image
from tests.units.scenes import LISTS, found, image, paths, scene
from tracewhale.units import Mechanism
from tracewhale.units.ballast import useful

OWN = (
    "/app/main.py: m",
    "/app/routes/admin.py: a",
    "/app/templates/404.html: t",
    "/app/tests/test_main.py: t",
    "/app/.git/HEAD: h",
    "/app/__pycache__/main.pyc: c",
    "/app/node_modules/x/index.js: x",
    "/other/file: o",
    "/entry.sh: e",
    "/site.template: s",
)


def test_the_authors_files_are_kept_as_a_tree_without_caches_tests_and_packages() -> None:
    assert paths(Mechanism.OWN, scene(image(*OWN), "/app/main.py")) == [
        "/app/routes",
        "/app/routes/admin.py",
        "/app/templates",
        "/app/templates/404.html",
    ]


def test_a_repository_is_kept_where_its_contents_were_read() -> None:
    made = image("/r/.git/HEAD: h", "/r/.git/objects/ab/c: c", "/r/.git/objects/ab/d: d", "/r/file: f")
    assert "/r/.git/objects/ab/d" in paths(Mechanism.OWN, scene(made, "/r/.git/objects/ab/c"))
    assert paths(Mechanism.OWN, scene(made, "/r/.git/HEAD")) == []
    assert paths(Mechanism.OWN, scene(made, "/r/file")) == []


def test_of_a_standard_directory_only_the_files_in_it_are_the_authors() -> None:
    assert paths(Mechanism.OWN, scene(image(*OWN), "/entry.sh")) == ["/site.template"]


def test_an_unpackaged_command_is_kept_though_nothing_beside_it_is_used() -> None:
    made = image("/usr/local/bin/show: s", "/opt/x/bin/tool: t", "/usr/bin/stray: s", "/usr/sbin/server: s")
    for path in ("/usr/local/bin/show", "/opt/x/bin/tool", "/usr/bin/stray"):
        made.tree.entries[path] = replace(made.tree.entries[path], mode=0o755)
    where = replace(scene(made, "/usr/sbin/server"), commands=("/usr/local/bin", "/usr/bin", "/opt/x/bin"))
    assert paths(Mechanism.OWN, where) == ["/opt/x/bin/tool", "/usr/local/bin/show"]


def test_a_program_without_a_c_library_has_all_time_zones_too() -> None:
    made = image("/usr/share/zoneinfo/Asia/Tokyo: t", "/app/server: s", "/app/data: d")
    assert paths(Mechanism.PLUGINS, scene(made, executed=("/app/server",))) == [
        "/usr/share/zoneinfo/Asia/Tokyo"
    ]
    assert paths(Mechanism.PLUGINS, scene(made, "/app/data")) == []


def test_data_come_for_english_and_the_languages_of_the_authors_catalogs() -> None:
    names = ("en", "de", "de_AT", "fr", "ja", "root")
    lists = f"{LISTS['server']}\n" + "\n".join(f"/usr/lib/babel/{name}.dat" for name in names)
    data = [f"/usr/lib/babel/{name}.dat: d" for name in (*names, "de_CH")]
    files = {"/var/lib/dpkg/info/server.list": lists}
    catalogs = ["/app/locale/de_AT/LC_MESSAGES/a.mo", "/app/lang/messages.fr.yml"]
    made = image("/usr/sbin/server: s", *data, *(f"{path}: m" for path in catalogs), files=files)
    common = ["/usr/lib/babel/en.dat", "/usr/lib/babel/root.dat"]
    assert paths(Mechanism.PLUGINS, scene(made, "/app/lang/messages.fr.yml")) == []
    where = scene(made, "/usr/sbin/server")
    assert paths(Mechanism.PLUGINS, where) == common
    kept = {**where.kept, **made.kept(catalogs)}
    others = [f"/usr/lib/babel/{name}.dat" for name in ("de", "de_AT", "fr")]
    assert paths(Mechanism.PLUGINS, replace(where, kept=kept)) == sorted([*common, *others])


def test_what_a_site_serves_belongs_together() -> None:
    made = image("/srv/lua/app.lua: l", "/srv/www/index.html: w", "/opt/a/x: x", "/opt/b/y: y")
    assert paths(Mechanism.OWN, scene(made, "/srv/lua/app.lua", "/opt/a/x")) == [
        "/srv/www",
        "/srv/www/index.html",
    ]


def test_in_a_directory_of_a_package_what_nobody_packaged_is_the_authors() -> None:
    made = image("/usr/share/server/site.html: s", "/usr/share/server/sub/deep.html: d", "/usr/bin/mine: m")
    where = scene(made, "/usr/share/server/site.html", "/usr/bin/mine")
    assert paths(Mechanism.OWN, where) == ["/usr/share/server/sub", "/usr/share/server/sub/deep.html"]


@pytest.mark.parametrize("used", ["/etc/passwd", "/var/lib/dpkg/status", "/var/log/app/x.log", "/tmp/y/z"])
def test_the_systems_own_records_belong_to_nobody(used: str) -> None:
    made = image("/etc/passwd: p", "/etc/group: g", "/var/log/app/x.log: l", "/tmp/y/z: z", "/tmp/y/a: a")
    assert paths(Mechanism.OWN, scene(made, used)) == []


def test_the_rest_of_a_used_package_comes_with_its_data_package() -> None:
    """Without what no program needs; the data package is a dependency from the same source."""
    where = scene(image(), executed=("/usr/sbin/server",))
    assert paths(Mechanism.PACKAGES, where) == [
        "/etc/server.d",
        "/usr/lib/server/mod_a.so",
        "/usr/lib/server/mod_b.so",
        "/usr/lib/server/mod_c.so",
        "/usr/share/server/error.html",
    ]


def test_a_library_that_no_kept_file_needs_is_hardly_of_use() -> None:
    lists = f"{LISTS['server']}\n/usr/lib/libserver.so.2\n/usr/lib/plugin.so"
    files = {"/var/lib/dpkg/info/server.list": lists}
    made = image("/usr/lib/libserver.so.2: l", "/usr/lib/plugin.so: p", files=files)
    units = found(Mechanism.PACKAGES, scene(made, executed=("/usr/sbin/server",)))
    worth = {entry.path: unit.worth for unit in units for entry in unit.entries}
    assert 4 * worth["/usr/lib/libserver.so.2"] < worth["/usr/lib/plugin.so"]


def test_configuration_that_a_maintainer_script_made_belongs_to_its_package() -> None:
    """With ucf(1): no list names it."""
    made = image(
        "/etc/suite/server.conf: s",
        "/etc/suite/mine.conf: m",
        files={"/var/lib/ucf/registry": "server \t /etc/suite/server.conf\nnonsense\nserver /../x\n"},
    )
    where = scene(made, "/etc/suite/mine.conf")
    assert where.owner("/etc/suite/mine.conf") is None
    owner = where.owner("/etc/suite/server.conf")
    assert owner is not None
    assert owner.package.name == "server"
    assert paths(Mechanism.OWN, where) == []


def test_what_the_author_put_beside_a_packages_configuration_comes_with_it() -> None:
    made = image("/etc/server.d/site.conf: s", "/etc/server.d/link -> /gone", "/etc/other.d/x.conf: x")
    where = scene(made, executed=("/usr/sbin/server",))
    assert "/etc/server.d/site.conf" in paths(Mechanism.PACKAGES, where)
    assert "/etc/other.d/x.conf" not in paths(Mechanism.PACKAGES, where)


def test_files_that_a_package_made_when_it_was_installed_come_with_it() -> None:
    made = image(
        "/usr/lib/server/de.dict -> /var/lib/server/de", "/usr/lib/server/cache: c", "/usr/sbin/other: o"
    )
    kept = paths(Mechanism.PACKAGES, scene(made, executed=("/usr/sbin/server",)))
    assert {"/usr/lib/server/de.dict", "/usr/lib/server/cache"} <= set(kept)
    assert "/usr/sbin/other" not in kept


def test_base_packages_and_what_they_need_are_not_completed() -> None:
    assert paths(Mechanism.PACKAGES, scene(image(), "/etc/issue", "/usr/lib/libbase.so.1")) == []


def test_a_package_of_which_only_the_manual_was_read_is_not_completed() -> None:
    made = image("/usr/share/doc/server/copyright: c")
    assert paths(Mechanism.PACKAGES, scene(made, "/usr/share/doc/server/copyright")) == []


def test_commands_of_the_same_source_come_with_one_that_ran() -> None:
    assert paths(Mechanism.COMMANDS, scene(image(), executed=("/usr/sbin/server",))) == ["/usr/bin/client"]
    assert paths(Mechanism.COMMANDS, scene(image(), "/usr/lib/server/mod_a.so")) == []


def test_what_was_installed_by_name_comes_with_its_dependencies() -> None:
    units = found(Mechanism.NAMED, scene(image(), executed=("/usr/sbin/server",)))
    assert {entry.path: unit.name for unit in units for entry in unit.entries} == {
        "/usr/bin/editor": "deb:editor",
        "/usr/share/server/error.html": "deb:server (deb:server-data)",
    }
    assert {unit.after for unit in units} == {""}
    unused = found(Mechanism.NAMED, scene(image(), executed=("/usr/bin/client",)))
    assert {unit.name: unit.after for unit in unused}[
        "deb:server (deb:server-data)"
    ] == "/usr/lib/server/mod_a.so"


def test_a_command_installed_by_name_comes_with_its_alternative_names() -> None:
    names = ("vi", "ex")
    links = [f"/usr/bin/{name} -> /etc/alternatives/{name}" for name in names]
    links += [f"/etc/alternatives/{name} -> /bin/editor" for name in names]
    added = paths(Mechanism.NAMED, scene(image("/bin -> usr/bin", *links), executed=("/usr/sbin/server",)))
    assert {f"{place}/{name}" for place in ("/usr/bin", "/etc/alternatives") for name in names} <= set(added)


def test_a_package_of_which_only_configuration_was_read_is_less_likely() -> None:
    lists = {"/var/lib/dpkg/info/editor.list": "/usr/bin/editor\n/etc/editor/rc\n/usr/lib/editor.so\n"}
    made = image("/etc/editor/rc: r", "/usr/lib/editor.so: e", files=lists)
    used = [found(Mechanism.PACKAGES, scene(made, path)) for path in ("/etc/editor/rc", "/usr/lib/editor.so")]
    read, loaded = (
        unit.worth for units in used for unit in units if unit.entries[0].path == "/usr/bin/editor"
    )
    assert read < loaded / 4


def test_modules_beside_one_that_was_opened_by_a_computed_name() -> None:
    where = scene(image(), dlopened=("/usr/lib/server/mod_a.so",))
    assert paths(Mechanism.PLUGINS, where) == ["/usr/lib/server/mod_b.so", "/usr/lib/server/mod_c.so"]
    assert paths(Mechanism.PLUGINS, scene(image(), "/usr/lib/server/mod_a.so")) == []


def test_modules_of_a_python_package_beside_one_that_no_import_names() -> None:
    lines = [
        f"/opt/venv/lib/python3.11/site-packages/codecs/{name}.py: x" for name in ("__init__", "a", "b", "c")
    ]
    info = "/opt/venv/lib/python3.11/site-packages/codecs-1.dist-info"
    files = {f"{info}/METADATA": "Name: codecs\nVersion: 1\n", f"{info}/RECORD": "codecs/a.py,,\n"}
    where = scene(image(*lines, files=files), "/opt/venv/lib/python3.11/site-packages/codecs/a.py")
    beside = [f"/opt/venv/lib/python3.11/site-packages/codecs/{name}.py" for name in ("__init__", "b", "c")]
    assert paths(Mechanism.PLUGINS, replace(where, targets=frozenset({"/other"}))) == beside
    assert paths(Mechanism.PLUGINS, replace(where, targets=frozenset({*where.used}))) == []


def test_a_kept_link_keeps_what_it_leads_to_but_no_dangling_one_does() -> None:
    made = image("/opt/link -> real/file", "/opt/real/file: f", "/opt/gone -> nowhere", "/opt/app: a")
    where = scene(made, "/opt/app")
    kept = dict(where.kept) | {path: made.tree.entries[path] for path in ("/opt/link", "/opt/gone")}
    where = type(where)(made.view, kept, where.used)
    assert paths(Mechanism.LINKS, where) == ["/opt/real/file"]


def test_a_link_on_the_way_is_kept_though_the_end_is_kept_already() -> None:
    made = image("/opt/dict -> /etc/alternatives/dict", "/etc/alternatives/dict -> /opt/de", "/opt/de: d")
    where = scene(made)
    kept = {path: made.tree.entries[path] for path in ("/opt/dict", "/opt/de")}
    where = replace(where, kept=dict(where.kept) | kept)
    assert paths(Mechanism.LINKS, where) == ["/etc/alternatives/dict"]


def test_a_large_library_that_only_the_base_system_may_open_is_left_to_rules() -> None:
    made = image("/usr/lib/liba.so.1: a", "/usr/lib/libb.so.1: " + "x" * 200_000)
    opens = tuple(("/usr/lib/libbase.so.1", f"/usr/lib/lib{name}.so.1") for name in "ab")
    where = replace(scene(made, "/usr/lib/libbase.so.1"), openings=opens)
    assert paths(Mechanism.DLOPEN, where) == ["/usr/lib/liba.so.1"]


@pytest.mark.parametrize(("used", "worth"), [(True, 0.5), (False, 0.3)])
def test_a_library_that_may_be_opened_comes_with_its_links(used: bool, worth: float) -> None:
    made = image("/usr/lib/liba.so.1 -> liba.so.1.2", "/usr/lib/liba.so.1.2: a", "/opt/app: a")
    where = replace(scene(made, "/opt/app"), openings=(("/opt/app", "/usr/lib/liba.so.1"),))
    where = where if used else replace(where, used=frozenset())
    (unit,) = found(Mechanism.DLOPEN, where)
    assert [entry.path for entry in unit.entries] == ["/usr/lib/liba.so.1", "/usr/lib/liba.so.1.2"]
    assert (unit.because, unit.worth, unit.indivisible) == ("/opt/app", worth, True)


def test_what_a_library_that_is_not_kept_may_open_does_not_count() -> None:
    made = image("/usr/lib/liba.so.1: a", "/usr/lib/libb.so.1: b", "/opt/app: a")
    openings = (("/usr/lib/libb.so.1", "/usr/lib/liba.so.1"), ("/opt/app", "/usr/lib/libgone.so"))
    assert found(Mechanism.DLOPEN, replace(scene(made, "/opt/app"), openings=openings)) == []


@pytest.mark.parametrize(
    ("field", "other", "worth"),
    [
        ("Suggests", "other", 0.5),
        ("Recommends", "x, other | y", 0.5),
        ("Depends", "other", 0.5),
        ("Depends", "between", 0.15),
        ("Source", "other", 0.5),
    ],
)
def test_a_library_of_a_package_that_is_not_even_suggested_is_not_likely(
    field: str, other: str, worth: float
) -> None:
    status = (
        f"Package: user\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n{field}: {other}\n\n"
        "Package: other\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n"
    )
    info = "/var/lib/dpkg/info"
    files = {
        "/var/lib/dpkg/status": status,
        f"{info}/user.list": "/usr/lib/libuser.so\n",
        f"{info}/other.list": "/usr/lib/libother.so\n",
    }
    made = image("/usr/lib/libuser.so: u", "/usr/lib/libother.so: o", files=files)
    opens = (("/usr/lib/libuser.so", "/usr/lib/libother.so"),)
    (unit,) = found(Mechanism.DLOPEN, replace(scene(made, "/usr/lib/libuser.so"), openings=opens))
    assert unit.worth == worth


def test_what_is_mounted_is_not_the_images() -> None:
    made = image("/data/x: x", "/data/y: y")
    assert paths(Mechanism.OWN, scene(made, "/data/x")) == []


def test_what_a_program_reads_of_a_kind_is_data_of_its_package() -> None:
    stubs = {"/m/lib/a.d.ts", "/m/lib/b.d.ts", "/m/lib/c.js", "/m/README.md"}
    assert useful(stubs, []) == {"/m/lib/c.js"}
    assert useful(stubs, ["/m/lib/a.d.ts"]) == {"/m/lib/a.d.ts", "/m/lib/b.d.ts", "/m/lib/c.js"}
    assert useful({"/p/tests/a.py", "/p/tests/b.py", "/p/x/tests/c.py"}, ["/p/tests/a.py"]) == {
        "/p/tests/a.py",
        "/p/tests/b.py",
    }


@pytest.mark.parametrize(
    "path", ["/m/middleware/security.py", "/m/docs/client.py", "/m/Test/More.pm", "/m/news.js"]
)
def test_code_is_no_documentation_for_its_name(path: str) -> None:
    assert useful({path}, []) == {path}


def named(made: Image, *used: str, words: tuple[str, ...] = ()) -> list[str]:
    """The paths that the used files and the configuration name, sorted, without those that are kept."""
    where = replace(scene(made, *used), words=words)
    return sorted({entry.path for unit in found(Mechanism.PATHS, where) for entry in unit.entries})


SITE = ("/usr/share/site/page.html: p", "/usr/share/site/sub/a.css: a", "/var/log/site/log: l")


def test_a_log_names_nothing() -> None:
    made = image(
        *SITE, "/app/a: a", "/app/a.log: l", files={"/app/a.log": "read /usr/share/site/page.html\n"}
    )
    assert named(made, "/app/a.log") == []


def test_a_path_in_the_authors_files_is_kept_with_its_tree() -> None:
    files = {"/app/a.conf": "# /usr/share/client/data\nroot /usr/share/site/page.html;\nlog /var/log/site\n"}
    made = image(*SITE, "/app/a.conf: c", files=files)
    assert named(made, "/app/a.conf") == [
        "/usr/share/site/page.html",
        "/usr/share/site/sub",
        "/usr/share/site/sub/a.css",
        "/var/log/site",
        "/var/log/site/log",
    ]


def test_a_file_that_a_run_makes_is_kept_where_the_author_made_and_names_it() -> None:
    files = {"/etc/server/main.conf": "log /var/log/server\nlog /var/log/site\n"}
    lists = f"{LISTS['server']}\n/etc/server/main.conf\n/var/log/server\n"
    files["/var/lib/dpkg/info/server.list"] = lists
    made = image(*SITE, "/var/log/server/a: a", "/etc/server/main.conf: c", files=files)
    assert named(made, "/etc/server/main.conf") == []


def test_used_configuration_of_a_package_names_files_of_others() -> None:
    files = {"/etc/server.d": "", "/etc/server/main.conf": "page /usr/share/server/error.html\n"}
    lists = f"{LISTS['server']}\n/etc/server/main.conf\n"
    made = image("/etc/server/main.conf: c", files=files | {"/var/lib/dpkg/info/server.list": lists})
    assert named(made, "/etc/server/main.conf") == ["/usr/share/server/error.html"]
    assert named(made, "/usr/sbin/server") == []


def test_a_file_that_a_packages_installation_makes_names_nothing_before_it_is_used() -> None:
    lists = f"{LISTS['server']}\n/usr/lib/server\n"
    files = {"/usr/lib/server/cache": "/usr/share/site/page.html\n", "/var/lib/dpkg/info/server.list": lists}
    where = scene(image(*SITE, "/usr/lib/server/cache: c", files=files), "/usr/lib/server/cache")
    assert "/usr/share/site/page.html" in paths(Mechanism.PATHS, where)
    assert paths(Mechanism.PATHS, replace(where, used=frozenset())) == []


def test_paths_in_variables_and_in_programs_without_ends_count() -> None:
    made = image(*SITE, "/opt/go: g", files={"/opt/go": "\x7fELF open/usr/share/site/sub/a.cssopen failed"})
    assert named(made, words=("/usr/share/site/page.html",))[0] == "/usr/share/site/page.html"
    kept = made.kept(["/opt/go"])
    kept["/opt/go"] = replace(kept["/opt/go"], mode=0o755)
    where = replace(scene(made, "/opt/go"), kept=kept)
    names = {entry.path for unit in found(Mechanism.PATHS, where) for entry in unit.entries}
    assert "/usr/share/site/sub/a.css" in names
