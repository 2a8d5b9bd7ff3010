-- Units: amounts nano-dollars, tokens or requests; times milliseconds since 1970.
-- needs books.lua
-- Where meters stand. ARGV: 1 now, then per meter 3: key, kind, width. Answers settled and held of each.
local reply = {}
for i = 2, #ARGV, 3 do
  local settled, held = stand(ROOT .. ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]))
  reply[#reply + 1] = settled
  reply[#reply + 1] = held
end
return reply
