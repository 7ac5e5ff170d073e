local template = {}
function template.render(path, values)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return (text:gsub("{(%w+)}", values))
end
return template
