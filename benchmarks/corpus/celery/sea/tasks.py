import logging
from pathlib import Path

from sea import app

log = logging.getLogger(__name__)
HERE = Path(__file__).parent


@app.task
def add(a, b):
    return int(a) + int(b)


@app.task
def mail(name):
    from email.message import EmailMessage

    from jinja2 import Environment, FileSystemLoader

    text = (
        Environment(loader=FileSystemLoader(HERE / "mails")).get_template(f"{name}.txt").render(name="orca")
    )
    message = EmailMessage()
    message["Subject"] = "Grüße"
    message.set_content(text)
    return message.as_string()


@app.task
def page(text):
    import markdown

    return markdown.markdown(text, extensions=["tables", "fenced_code", "codehilite", "toc"])


@app.task
def when(text, zone):
    from dateutil import parser, tz

    return parser.parse(text).replace(tzinfo=tz.UTC).astimezone(tz.gettz(zone)).strftime("%c %Z")


@app.task
def near(seconds, language):
    import humanize

    if language != "en":
        humanize.i18n.activate(language)
    return humanize.naturaldelta(int(seconds))


@app.task(bind=True, max_retries=1, default_retry_delay=0.1)
def fragile(self):
    try:
        return 1 // 0
    except ZeroDivisionError as error:
        raise self.retry(exc=error) from error


@app.task
def fetch(url):
    import requests

    return requests.get(url, timeout=3).status_code


@app.task
def table(text):
    import csv
    import io
    import sqlite3

    db = sqlite3.connect(":memory:")
    db.execute("create table a (n, l)")
    db.executemany("insert into a values (?, ?)", csv.reader(io.StringIO(text)))
    return db.execute("select sum(l) from a").fetchone()[0]


@app.task
def sleep():
    import time

    time.sleep(8)
