"""A Flask application with a database, forms, migrations and a few lazily imported libraries."""

import datetime
import io

import click
from flask import Flask, jsonify, render_template, request, send_file
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from wtforms import IntegerField, StringField
from wtforms.validators import DataRequired, Email, NumberRange

app = Flask(__name__)
app.config.update(SQLALCHEMY_DATABASE_URI="sqlite:////tmp/w.db", SECRET_KEY="x", WTF_CSRF_ENABLED=False)
db = SQLAlchemy(app)
Migrate(app, db)


class Whale(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(40), nullable=False, unique=True)
    born = db.Column(db.Date)


class Form(FlaskForm):
    name = StringField(validators=[DataRequired()])
    mail = StringField(validators=[Email()])
    age = IntegerField(validators=[NumberRange(0, 99)])


with app.app_context():
    db.create_all()


@app.get("/")
def index():
    return render_template("index.html", when="now")


@app.get("/whales")
def whales():
    if not Whale.query.filter_by(name="orca").first():
        db.session.add(Whale(name="orca", born=datetime.date(2020, 1, 2)))
        db.session.commit()
    return jsonify([w.name for w in Whale.query.order_by(Whale.name)])


@app.route("/form", methods=["GET", "POST"])
def form():
    f = Form()
    if f.validate_on_submit():
        return "ok " + f.name.data
    return render_template("form.html", form=f, errors=f.errors), 422 if request.method == "POST" else 200


@app.get("/schema")
def schema():
    from marshmallow import Schema, fields

    class S(Schema):
        name = fields.Str(required=True)
        mail = fields.Email()

    return jsonify(S().validate(request.args.to_dict()))


@app.get("/date")
def date():
    from dateutil import parser, rrule

    d = parser.parse(request.args.get("d", "1 Jan 2020"))
    return " ".join(str(x) for x in rrule.rrule(rrule.WEEKLY, count=3, dtstart=d))


@app.get("/money")
def money():
    from babel.dates import format_date
    from babel.numbers import format_currency

    language = request.args.get("l", "en_US")
    return (
        format_currency(1234.5, "EUR", locale=language)
        + " "
        + format_date(datetime.date(2020, 1, 2), locale=language, format="full")
    )


@app.get("/xlsx")
def xlsx():
    from openpyxl import Workbook, load_workbook

    wb = Workbook()
    wb.active["A1"] = 42
    b = io.BytesIO()
    wb.save(b)
    b.seek(0)
    return str(load_workbook(b).active["A1"].value)


@app.get("/qr")
def qr():
    import qrcode

    b = io.BytesIO()
    qrcode.make("whale").save(b)
    b.seek(0)
    return send_file(b, mimetype="image/png")


@app.get("/boom")
def boom():
    raise ValueError("x")


@app.errorhandler(404)
def missing(e):
    return render_template("404.html"), 404


@app.cli.command("count")
@click.option("--table")
def count(table):
    click.echo(f"{Whale.query.count()} {table}")
