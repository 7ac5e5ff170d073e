return function(a) local s = require("socket") local c, e = s.connect("127.0.0.1", 9) print(e) print(require("socket.url").parse(a[1] or "http://a/b").host, require("mime").b64("squid")) end
