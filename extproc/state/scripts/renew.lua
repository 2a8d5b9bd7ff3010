-- Units: times milliseconds since 1970.
-- needs books.lua
-- Requests of these holds are under way. ARGV: 1 now, 2 milliseconds until they expire, then hold ids.
-- Answers {expired, how many of the holds are not there (any more)}.
local ttl, missing = tonumber(ARGV[2]), 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local row = held_row(id)
  if not row then
    missing = missing + 1
  elseif not row.admission then
    -- An attempt said that it may have been the last; here is another, or admission yet waits for one.
    if row.closing then
      row.closing = false
      save_held(id, row)
    end
    redis.call('ZADD', EXPIRIES, now + ttl, id)
  end
end
-- Afterwards: a worker that was stopped for a while renews its holds before anybody takes them for orphans.
local _, expired = sweep(SWEEP)
return { expired, missing }
