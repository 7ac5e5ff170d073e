module.exports = done => require("child_process").exec("echo orca | gzip -c | gunzip | tr a-z A-Z", (error, out) => done(error || out));
