local template = require "lib.template"
return function() ngx.say(template.render("/srv/lua/page.tpl", {name = "orca"})) end
