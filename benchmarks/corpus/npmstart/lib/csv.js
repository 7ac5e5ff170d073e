exports.run = (x) => x.join(',');
