return function(a) print(require("yaml").dump({ a = { 1, 2 } })) end
