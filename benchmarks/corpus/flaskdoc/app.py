import importlib
import io
import logging.config
import pathlib

import yaml
from flask import Flask, Response, jsonify, render_template, request

app = Flask(__name__)
logging.config.dictConfig(yaml.safe_load(pathlib.Path("logging.yaml").read_text()))
ROWS = [("orca", 8), ("blue", 29), ("minke", 7)]


@app.route("/")
def index():
    return "whales\n"


@app.route("/page")
def page():
    return render_template("page.html", rows=ROWS)


@app.route("/text")
def text():
    import markdown

    return markdown.markdown(
        "# Whales\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\nprint(1)\n```",
        extensions=["tables", "fenced_code", "toc"],
    )


@app.route("/thumb.<kind>")
def thumb(kind):
    from PIL import Image

    out = io.BytesIO()
    Image.open("static/a.png").convert("RGB").resize((3, 3)).save(out, kind)
    out.seek(0)
    found = Image.open(out)
    return f"{found.format} {found.size}\n"


@app.route("/xml")
def xml():
    from lxml import etree

    sheet = etree.XSLT(etree.XML(pathlib.Path("forms/list.xsl").read_bytes()))
    return str(sheet(etree.XML("<w><n>orca</n><n>blue</n></w>")))


@app.route("/when")
def when():
    import datetime

    from babel.dates import format_datetime, get_timezone

    moment = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)
    return format_datetime(
        moment, locale=request.args.get("l", "en"), tzinfo=get_timezone(request.args.get("tz", "UTC"))
    )


@app.route("/export/<name>")
def export(name):
    return Response(importlib.import_module(f"forms.{name}").export(ROWS))


@app.route("/task")
def task():
    from celery import Celery

    queue = Celery("whales", broker="memory://", backend="cache+memory://")
    queue.conf.task_always_eager = True

    @queue.task
    def add(a, b):
        return a + b

    return jsonify(add.delay(1, 2).get())


@app.route("/decode")
def decode():
    return bytes.fromhex(request.args["x"]).decode(request.args["c"])


@app.errorhandler(500)
def broken(error):
    return render_template("broken.html"), 500


@app.route("/boom")
def boom():
    return 1 / 0
