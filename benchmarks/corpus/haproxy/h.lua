core.register_service("hi","http",function(a) local r="lua "..tostring(a.path) a:set_status(200) a:add_header("content-length",#r) a:start_response() a:send(r) end)
