return function(a) print(require("cjson").decode(require("squid").read(a[1])).a[1]) end
