return function(a) local t = require("pl.template") print((t.substitute(require("squid").read("/opt/squid/templates/page.tpl"), { rows = require("squid").rows(a[1]), ipairs = ipairs }))) end
