"""Files of a package that a program does not need, by their names."""

from __future__ import annotations

from tracewhale.units.ballast import useful


def test_documents_and_tests_among_templates_are_data() -> None:
    site = "/usr/lib/python3/dist-packages/kit"
    files = {f"{site}/README.md", f"{site}/templates/README", f"{site}/skel/tests/test_x.py"}
    files |= {f"{site}/tests/test_y.py", f"{site}/templates/__pycache__/env.pyc"}
    assert useful(files, ()) == {f"{site}/templates/README", f"{site}/skel/tests/test_x.py"}
