return function(a) local c = require("iconv").new(a[1] or "latin1", "utf-8") print((c:iconv("é"):gsub(".", function(x) return ("%02x"):format(x:byte()) end))) end
