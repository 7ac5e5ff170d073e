return function(a) local l = require("lfs") local n = {} for f in l.dir(a[1]) do n[#n+1] = f end table.sort(n) print(table.concat(n, " ")) end
