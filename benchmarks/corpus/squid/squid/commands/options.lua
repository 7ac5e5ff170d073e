return function(a) local p = require("argparse")("squid"):option("-n --number", "N"):target("n") p:flag("-q") print(require("inspect")(p:parse(a))) end
