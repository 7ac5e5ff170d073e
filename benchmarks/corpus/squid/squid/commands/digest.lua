return function(a) print((require("openssl.digest").new(a[1] or "sha256"):final("squid"):gsub(".", function(c) return ("%02x"):format(c:byte()) end))) end
