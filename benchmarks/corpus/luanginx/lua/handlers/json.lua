local cjson = require "cjson"
return function() ngx.say(cjson.encode({orca = 8})) end
