local M = {}
function M.read(path) local f = assert(io.open(path)) local t = f:read("a") f:close() return t end
function M.rows(path) local rows = {} for line in io.lines(path) do local a, b = line:match("([^,]*),(.*)") rows[#rows + 1] = { name = a, length = tonumber(b) } end return rows end
return M
