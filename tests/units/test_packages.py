"""The rest of packages of languages."""

from __future__ import annotations

from tests.units.scenes import found, image, paths, scene
from tracewhale.units import Mechanism

PACKAGES = "/usr/local/lib/python3.11/site-packages"


def test_files_of_an_application_that_pip_installed_are_the_authors() -> None:
    record = "app/__init__.py,,\napp/page.html,,\napp-1.dist-info/RECORD,,\n"
    files = {
        f"{PACKAGES}/app-1.dist-info/METADATA": "Name: app\nVersion: 1\n",
        f"{PACKAGES}/app-1.dist-info/RECORD": record,
    }
    lines = [f"{PACKAGES}/app/__init__.py: a", f"{PACKAGES}/app/page.html: p"]
    url = f"{PACKAGES}/app-1.dist-info/direct_url.json: {{}}"
    assert f"{PACKAGES}/app/page.html" in paths(
        Mechanism.OWN, scene(image(*lines, url, files=files), f"{PACKAGES}/app/__init__.py")
    )
    assert paths(Mechanism.OWN, scene(image(*lines, files=files), f"{PACKAGES}/app/__init__.py")) == []


def test_the_rest_of_a_standard_library_comes_last() -> None:
    modules = ["/usr/lib/python3.11/a.py", "/usr/lib/python3.11/b.py", "/usr/lib/python3/dist-packages/c.py"]
    files = {"/var/lib/dpkg/info/editor.list": "\n".join(["/usr/bin/editor", *modules, ""])}
    made = image(*(f"{path}: x" for path in modules), files=files)
    units = found(Mechanism.PACKAGES, scene(made, "/usr/lib/python3.11/a.py"))
    ranks = {entry.path: (unit.tier, unit.worth) for unit in units for entry in unit.entries}
    tier, worth = ranks[modules[1]]
    assert all(tier > other[0] and worth < 0.3 for path, other in ranks.items() if path != modules[1])
