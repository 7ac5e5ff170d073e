local lrucache = require "resty.lrucache"
return function()
  local cache = lrucache.new(10)
  cache:set("orca", 8)
  ngx.say(cache:get("orca"))
end
