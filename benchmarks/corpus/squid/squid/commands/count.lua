return function(a) print(#require("squid").rows(a[1])) end
