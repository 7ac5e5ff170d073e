"""Command lines in an author's configuration."""

from __future__ import annotations

import pytest

from tests.languages.text import closed, edges

TEXTS = {
    "/app/play.yml": "- hosts: web\\n  tasks:\\n  - ansible.builtin.shell: 'echo a | cut -c1'\\n    name: sort\\n",
    "/app/block.yaml": "before_script:\\n- cut\\n- FOO=1 sort x\\nrun: |\\n  # tidy\\n  tidy\\nother: echo\\n",
    "/app/list.yml": 'a:\\n  command: ["cut", "-f1"]\\n  healthcheck:\\n    test: ["CMD", "sort", "tidy"]\\n',
    "/app/package.json": '{"name": "tidy",\\n "scripts": {"start": "cut x", "report": "sort && echo"}}\\n',
    "/app/super.conf": "[program:a]\\ncommand=/bin/sort -u\\nname=tidy\\n",
    "/app/Makefile": "all: tidy\\n\t@cut x && sort y\\n",
    "/app/crontab": "*/5 * * * * cut x\\n@daily tidy\\n",
    "/etc/cron.d/job": "*/5 * * * * root sort x\\n",
    "/srv/micron/a.yml": "run: cut x\\n",
    "/app/Procfile": "web: cut x\\n",
    "/app/x.service": "[Service]\\nExecStart=-/bin/tidy\\n",
    "/app/node_modules/x/package.json": '{"scripts": {"start": "cut"}}',
    "/usr/share/x/a.yml": "command: cut\\n",
    "/app/readme.txt": "command: cut\\n",
}
EXPECTED = {
    "/app/play.yml": ["3 echo", "3 cut"],
    "/app/block.yaml": ["2 cut", "3 sort", "6 tidy"],
    "/app/list.yml": ["2 cut", "4 sort"],
    "/app/package.json": ["2 cut", "2 sort", "2 echo"],
    "/app/super.conf": ["2 sort"],
    "/app/Makefile": ["2 cut", "2 sort"],
    "/app/crontab": ["1 cut", "2 tidy"],
    "/etc/cron.d/job": ["1 sort"],
    "/srv/micron/a.yml": ["1 cut"],
    "/app/Procfile": ["1 cut"],
    "/app/x.service": ["2 tidy"],
}


@pytest.mark.parametrize("path", TEXTS)
def test_a_command_line_names_commands(path: str) -> None:
    tree = "\n".join(
        [f"{path}: {TEXTS[path]}", *(f"/bin/{name}: x" for name in ("cut", "sort", "tidy", "echo"))]
    )
    lines = [edge.removeprefix(f"{path}:") for edge in edges(closed(tree, [path])).splitlines()]
    assert [line.partition(" -> ")[0].replace("/bin/", "") for line in lines] == EXPECTED.get(path, [])


def test_the_same_text_is_read_again_in_another_format() -> None:
    tree = "/app/x.conf: run: cut\\n\n/etc/cron.d/x.conf: run: cut\\n\n/bin/cut: x"
    for first in (["/app/x.conf", "/etc/cron.d/x.conf"], ["/etc/cron.d/x.conf", "/app/x.conf"]):
        lines = [edge for path in first for edge in edges(closed(tree, [path])).splitlines()]
        assert [line.partition(":")[0] for line in lines] == ["/app/x.conf"]
