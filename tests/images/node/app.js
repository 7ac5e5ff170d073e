const dns = require("dns");
const express = require("express");

const app = express();
app.get("/", (request, response) => response.send("hello whale"));
app.get("/resolve", (request, response) => {
    dns.lookup("localhost", (error, address) => response.send(String(address)));
});
app.listen(3000, () => console.log("ready"));
