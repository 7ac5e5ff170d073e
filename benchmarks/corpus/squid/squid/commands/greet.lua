return function(a) local s = require("say") s:set_namespace("de") s:set("hi", "Hallo %s") s:set_namespace("en") s:set("hi", "Hello %s") s:set_namespace(a[1] or "en") print(s("hi", { "squid" })) end
