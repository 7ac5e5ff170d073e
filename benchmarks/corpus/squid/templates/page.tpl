# for i, r in ipairs(rows) do
<p>$(r.name)</p>
# end
