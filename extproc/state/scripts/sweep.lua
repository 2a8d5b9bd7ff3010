-- Units: times milliseconds since 1970.
-- needs books.lua
-- Housekeeping. ARGV: 1 now, 2 rows at most, 3 the longest time until a hold expires, 4 milliseconds for which events
-- are kept. Answers {expired, rows looked at}.
local limit, longest, keep = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
-- Rows that expire later than any can were taken before the clock was set back.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', EXPIRIES, '(' .. digits(now + longest), '+inf', 'LIMIT', 0, limit)) do
  redis.call('ZADD', EXPIRIES, now + longest, id)
end
local seen, expired = sweep(limit)
if now > keep then redis.call('XTRIM', EVENTS, 'MINID', '~', digits(now - keep)) end
return { expired, seen }
