return function(a) error("boom", 0) end
