"""Routes that each load something which neither the start of the program nor another route does."""

import datetime
import socket
import zoneinfo

from flask import Flask, jsonify, render_template_string
from sqlalchemy import create_engine, text

app = Flask(__name__)


@app.get("/")
def index():
    return render_template_string("hello {{ name }}", name="whale")


@app.get("/resolve")
def resolve():
    return jsonify(socket.getaddrinfo("localhost", 80)[0][4])


@app.get("/database")
def database():
    with create_engine("sqlite://").connect() as connection:
        return jsonify(connection.execute(text("select 41 + 1")).scalar())


@app.get("/zone")
def zone():
    return datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")).isoformat()


@app.get("/idna")
def idna():
    return "ü.example".encode("idna").decode()
