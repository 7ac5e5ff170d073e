"""Modules of Node in small trees."""

from __future__ import annotations

from tests.languages.text import closed, edges


def test_require_finds_files_directories_and_packages() -> None:
    tree = """
        /app/server.js: const e = require('express'); require('./lib'); require("./data");\\n
        /app/data.json: {}
        /app/lib/index.js: function f() { return import('late') }\\n
        /app/node_modules/express/package.json: {"main": "./start"}
        /app/node_modules/express/start.js: const q = require('qs')\\n
        /app/node_modules/qs/index.js: 1
        /app/node_modules/late/package.json: {"exports": {".": {"import": "./m.mjs", "require": "./c.cjs"}}}
        /app/node_modules/late/m.mjs: import x from "./n.mjs"\\n
        /app/node_modules/late/n.mjs: 1
    """
    assert edges(closed(tree, ["/app/server.js"])) == "\n".join(
        [
            "/app/server.js:1 express -> /app/node_modules/express (require)",
            "/app/server.js:1 express -> /app/node_modules/express/package.json (require)",
            "/app/server.js:1 express -> /app/node_modules/express/start.js (require)",
            "/app/server.js:1 ./lib -> /app/lib/index.js (require)",
            "/app/server.js:1 ./data -> /app/data.json (require)",
            "/app/node_modules/express/start.js:1 qs -> /app/node_modules/qs (require)",
            "/app/node_modules/express/start.js:1 qs -> /app/node_modules/qs/index.js (require)",
            "/app/lib/index.js:1 late -> /app/node_modules/late (import, lazy)",
            "/app/lib/index.js:1 late -> /app/node_modules/late/package.json (import, lazy)",
            "/app/lib/index.js:1 late -> /app/node_modules/late/m.mjs (import, lazy)",
            "/app/node_modules/late/m.mjs:1 ./n.mjs -> /app/node_modules/late/n.mjs (from)",
        ]
    )


def test_a_comment_names_nothing() -> None:
    tree = """
        /app/a.js: // app.engine('x', require('ejs'))\\nlet s = "require('ejs')"\\n/* import 'ejs' */\\n
        /app/node_modules/ejs/index.js: 1
    """
    assert edges(closed(tree, ["/app/a.js"])) == ""


def test_each_command_of_a_pipeline_in_a_string_is_found() -> None:
    tree = """
        /app/run.js: exec("echo 'a b' | A=1 gzip -c && sudo gunzip; $(tr a b)", done)\\n
        /usr/bin/echo: e
        /usr/bin/gzip: g
        /usr/bin/gunzip: g
        /usr/bin/tr: t
    """
    names = ["echo", "gzip", "gunzip", "tr"]
    assert [edge.target for edge in closed(tree, ["/app/run.js"]).edges] == [f"/usr/bin/{n}" for n in names]
