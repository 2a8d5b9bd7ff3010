-- Units: amounts nano-dollars, tokens or requests; times milliseconds since 1970.
-- needs books.lua
-- A further attempt is about to begin. ARGV: 1 now, 2 hold id, 3 milliseconds until it expires, then the earlier
--   attempts of which nobody said how they ended. Answers {expired, 1 the hold covers it | 0 it does not, or is gone |
--   2 an earlier attempt has yet to settle}.
local id, ttl = ARGV[2], tonumber(ARGV[3])
local _, expired = sweep(SWEEP)
local row = held_row(id)
if not row or row.admission then return { expired, 0 } end
for i = 4, #ARGV do
  if not among(row.settled, tonumber(ARGV[i])) then return { expired, 2 } end
end
for _, line in ipairs(row.lines) do
  local settled, held = stand(ROOT .. line[KEY], line[KIND], line[WIDTH])
  if settled + held > line[LIMIT] then return { expired, 0 } end
end
-- An attempt said that it may have been the last; here is another.
row.closing = false
save_held(id, row, now + ttl)
return { expired, 1 }
