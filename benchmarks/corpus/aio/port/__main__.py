import logging.config
import os
import tomllib
from pathlib import Path

from aiohttp import web

from port.app import make

config = tomllib.loads(Path(os.environ.get("PORT_CONFIG", "conf/default.toml")).read_text())
logging.config.dictConfig(config["logging"])
web.run_app(make(config), port=config["port"], print=None)
