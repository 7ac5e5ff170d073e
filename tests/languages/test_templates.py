"""Templates that sources and other templates name."""

from __future__ import annotations

from tests.languages.text import closed

TREE = """
    /lib/site-packages/frame/forms/widgets.py: template_name = "forms/text.html"\\nother = "forms/nosuch.html"\\n
    /lib/site-packages/frame/forms/templates/forms/text.html: {% extends "base/page.html" %}{% include 'a.svg' %}
    /lib/site-packages/frame/templates/base/page.html: {% static "site/a.css" %}
    /lib/site-packages/frame/static/site/a.css: a
    /lib/site-packages/frame/static/b.css: b
    /lib/site-packages/templates/forms/text.html: another package's
"""


def test_a_source_names_a_template_and_that_others() -> None:
    closure = closed(TREE, ["/lib/site-packages/frame/forms/widgets.py"])
    assert [edge.target for edge in closure.edges if edge.how == "template"] == [
        "/lib/site-packages/frame/forms/templates/forms/text.html",
        "/lib/site-packages/frame/templates/base/page.html",
        "/lib/site-packages/frame/static/site/a.css",
    ]


def test_templates_above_the_directories_of_packages_are_others() -> None:
    tree = TREE.replace("/frame/forms/templates/forms/text.html", "/frame/other.html")
    closure = closed(tree, ["/lib/site-packages/frame/forms/widgets.py"])
    assert not [edge for edge in closure.edges if edge.how == "template"]
