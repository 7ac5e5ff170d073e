import importlib

import aiohttp_jinja2
import jinja2
from aiohttp import web

from port import middle


def make(config):
    app = web.Application(middlewares=[middle.errors, middle.language])
    app["config"] = config
    aiohttp_jinja2.setup(
        app, loader=jinja2.FileSystemLoader("templates"), extensions=["jinja2.ext.i18n", "jinja2.ext.do"]
    )
    for name in config["handlers"]:
        app.add_routes(importlib.import_module(f"port.handlers.{name}").routes)
    app.router.add_static("/static", "static", show_index=True)
    return app
