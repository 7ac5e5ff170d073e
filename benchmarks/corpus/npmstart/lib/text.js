exports.run = (x) => require('util').inspect(x);
