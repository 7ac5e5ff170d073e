return function() ngx.say(ngx.md5("orca"), ngx.encode_base64(ngx.sha1_bin("orca"))) end
