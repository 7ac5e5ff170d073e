return function(a) print("usage: squid COMMAND") end
