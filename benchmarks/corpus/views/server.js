const express = require("express");
const path = require("path");
const app = express();
app.set("views", path.join(__dirname, "views"));
app.set("view engine", "pug");
app.use(require("compression")());
app.use("/static", express.static("static"), require("serve-index")("static", { icons: true }));
const { I18n } = require("i18n");
const i18n = new I18n({ locales: ["en", "de", "ja"], directory: path.join(__dirname, "locales"), updateFiles: false });
app.use(i18n.init);
app.get("/", (req, res) => res.send("whales\n"));
app.get("/page", (req, res) => res.render("page", { names: ["orca", "blue"] }));
app.get("/bars", (req, res) => res.render("bars.hbs", { names: ["orca", "blue"] }));
app.get("/hello", (req, res) => res.send(res.__("hello")));
app.get("/when", (req, res) => {
    const { DateTime } = require("luxon");
    res.send(DateTime.fromMillis(0, { zone: req.query.tz || "utc", locale: req.query.l || "en" }).toLocaleString(DateTime.DATETIME_FULL));
});
app.get("/encode", (req, res) => res.send(require("iconv-lite").encode("鯨", req.query.c || "sjis").toString("hex")));
app.get("/text", (req, res) => res.send(require("marked").parse("# Whales\n\n| a |\n|---|\n| 1 |\n")));
app.get("/run/:name", (req, res, next) => {
    try { require(`./lib/${req.params.name}`)(answer => res.send(String(answer))); } catch (error) { next(error); }
});
app.get("/boom", () => { throw new Error("boom"); });
app.use((req, res) => res.status(404).render("lost"));
app.use((error, req, res, next) => res.status(500).render("broken", { error }));
app.listen(3000);
