return function(a) local x = require("lxp").new({ StartElement = function(_, n) print(n) end }) print(x:parse(require("squid").read(a[1])) ~= nil) x:close() end
