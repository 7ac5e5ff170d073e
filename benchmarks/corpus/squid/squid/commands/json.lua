return function(a) print((require("cjson").encode(require("squid").rows(a[1])):len())) end
