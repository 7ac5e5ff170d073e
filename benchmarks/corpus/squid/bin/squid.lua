local verb = table.remove(arg, 1) or 'help'
local ok, command = pcall(require, 'squid.commands.' .. verb)
if not ok then io.stderr:write('squid: no command ' .. verb .. '\n') os.exit(64) end
local done, message = pcall(command, arg)
if not done then io.stderr:write('squid: ' .. tostring(message) .. '\n') os.exit(1) end
