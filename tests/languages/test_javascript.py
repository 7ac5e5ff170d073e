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


def test_a_function_that_is_called_where_it_is_defined_is_executed_at_once() -> None:
    calls = ["(function() { require('a') }).call(this)", "(() => { require('a') })()"]
    calls += ["!function(f) { f(require('a')) }(function() {})", "(function() { require('a') }())"]
    for call in calls:
        tree = f"/app/x.js: {call}\\n\n/app/node_modules/a.js: 1"
        assert [edge.lazy for edge in closed(tree, ["/app/x.js"]).edges] == [False], call
    tree = "/app/x.js: (function() { return function() { require('a') } })()\\n\n/app/node_modules/a.js: 1"
    assert [edge.lazy for edge in closed(tree, ["/app/x.js"]).edges] == [True]


def test_modules_whose_relative_names_have_a_known_beginning() -> None:
    tree = """
        /m/moment.js: var ask = require; ask('./locale/' + name)\\n
        /m/dialect.js: require(`./dialects/s${name}/index.js`); x = __dirname + '/parts/' + y // './no/' + z\\n
        /m/locale/de.js: 1
        /m/locale/ja.js: 1
        /m/locale/README.md: 1
        /m/no/a.js: 1
        /m/dialects/sqlite/index.js: 1
        /m/dialects/mysql/index.js: 1
        /m/parts/a.json: 1
    """
    assert edges(closed(tree, ["/m/moment.js", "/m/dialect.js"])) == "\n".join(
        [
            "/m/moment.js:1 ./locale/ -> /m/locale/de.js (beginning of a name, lazy)",
            "/m/moment.js:1 ./locale/ -> /m/locale/ja.js (beginning of a name, lazy)",
            "/m/dialect.js:1 ./dialects/s -> /m/dialects/sqlite/index.js (beginning of a name, lazy)",
            "/m/dialect.js:1 ./parts/ -> /m/parts/a.json (beginning of a name, lazy)",
        ]
    )


def test_machine_code_for_one_platform_comes_with_the_package_that_has_it_as_an_option() -> None:
    tree = """
        /app/a.js: require('image')\\n
        /app/node_modules/image/package.json: {"optionalDependencies": {"@im/x": "1", "@im/y": "1", "extra": "1"}}
        /app/node_modules/image/index.js: require(`@im/${platform}/im.node`)\\n
        /app/node_modules/@im/x/package.json: {"cpu": ["x64"]}
        /app/node_modules/@im/x/lib/im.node: m
        /app/node_modules/@im/x/lib/notes.txt: n
        /app/node_modules/extra/index.js: 1
    """
    targets = {edge.target for edge in closed(tree, ["/app/a.js"]).edges}
    assert {target for target in targets if "@im" in target or "extra" in target} == {
        "/app/node_modules/@im/x/package.json",
        "/app/node_modules/@im/x/lib/im.node",
    }
