return function(a) local b, c = require("ssl.https").request("https://127.0.0.1:9/") print(c) end
