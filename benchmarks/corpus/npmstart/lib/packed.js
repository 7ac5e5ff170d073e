const zlib = require('zlib'); exports.run = (x) => zlib.brotliCompressSync(String(x)).toString('base64');
