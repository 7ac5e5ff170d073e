return function(a) local z = require("zlib") print(z.inflate()(z.deflate()("squid", "finish"))) end
