"""Commands of shell scripts in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges


def test_commands_of_every_branch_are_found() -> None:
    tree = """
        /start.sh: #!/bin/sh\\n# find me\\n. /etc/app.conf\\nif [ "$A" ]; then find | xargs -0 sed s/a/b; fi\\n
        /etc/app.conf: A=$(awk 1)\\n
        /usr/bin/find: f
        /usr/bin/sed: s
        /usr/bin/awk: a
        /usr/bin/xargs: x
    """
    assert edges(closed(tree, ["/start.sh"])) == "\n".join(
        [
            "/start.sh:3 /etc/app.conf -> /etc/app.conf (source)",
            "/start.sh:3 /etc/app.conf -> /etc/app.conf (path, lazy)",
            "/start.sh:4 find -> /usr/bin/find (command, lazy)",
            "/start.sh:4 xargs -> /usr/bin/xargs (command, lazy)",
            "/start.sh:4 sed -> /usr/bin/sed (command, lazy)",
            "/etc/app.conf:1 awk -> /usr/bin/awk (command)",
        ]
    )


def test_strings_that_a_shell_runs_are_scripts() -> None:
    tree = """
        /run.sh: exec env A=1 bash -c 'git status; echo "no"' \\n
        /usr/bin/git: g
        /usr/bin/bash: b
        /usr/bin/env: e
    """
    assert edges(closed(tree, ["/run.sh"])) == "\n".join(
        [
            "/run.sh:1 env -> /usr/bin/env (command)",
            "/run.sh:1 bash -> /usr/bin/bash (command)",
            "/run.sh:1 git -> /usr/bin/git (command, lazy)",
        ]
    )


def test_find_runs_commands() -> None:
    tree = """
        /run.sh: [ -z "$A" ] || find /srv -name "*.js" -exec sed -i "s|_|$A|" {} + -o -execdir gzip {} ';' \n
        /usr/bin/find: f
        /usr/bin/sed: s
        /usr/bin/gzip: g
    """
    assert [edge.target for edge in closed(tree, ["/run.sh"]).edges] == [
        "/usr/bin/find",
        "/usr/bin/sed",
        "/usr/bin/gzip",
    ]


def test_a_sourced_file_whose_name_is_put_together_may_be_any_beside_it() -> None:
    tree = """
        /opt/pack.sh: #!/bin/sh\\n. "$here/formats/$1.format"\\n. "$1"\\n. "${x}/$y"\\n
        /opt/formats/gz.format: gzip a\\n
        /opt/formats/README: read me\\n
        /usr/bin/gzip: g
    """
    assert edges(closed(tree, ["/opt/pack.sh"])) == "\n".join(
        [
            "/opt/pack.sh:2 formats/*.format -> /opt/formats/gz.format (source)",
            "/opt/formats/gz.format:1 gzip -> /usr/bin/gzip (command)",
        ]
    )
