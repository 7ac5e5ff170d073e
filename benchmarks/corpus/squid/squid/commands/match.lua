return function(a) local lpeg = require("lpeg") print(lpeg.match(lpeg.C(lpeg.R("az")^1), a[1])) end
