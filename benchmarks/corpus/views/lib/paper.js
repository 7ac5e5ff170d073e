module.exports = done => {
    const paper = new (require("pdfkit"))();
    let size = 0;
    paper.on("data", some => { size += some.length; });
    paper.on("end", () => done(size > 500));
    paper.font("Times-Italic").text("orca");
    paper.end();
};
