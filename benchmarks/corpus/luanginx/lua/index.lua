ngx.header.content_type = "text/plain"
ngx.say("orca and beluga")
