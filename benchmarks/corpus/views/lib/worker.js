const { Worker } = require("worker_threads");
module.exports = done => new Worker(require("path").join(__dirname, "sum.worker.js")).on("message", done);
