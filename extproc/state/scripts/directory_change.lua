-- One change of the directory, all or nothing. Units: revisions and versions count changes; no amounts, no times.
-- KEYS: records, names, digests, version, audit stream.
-- ARGV: 1 field of the record, 2 expected revision ('0' not there yet), 3 new JSON ('' removes the record), 4 id,
--       5 random id of this change, 6 audit JSON, 7 channel, 8 length of the audit, 9 old name, 10 new name ('' none),
--       11 version that the directory must be at ('' any), 12 how many fields follow that must be there, 13 how many old
--       digests, then the fields, the old digests, the new ones.
-- Answers {'done', version} | {'missing'} | {'changed', revision} | {'name', id} | {'digest', id}.
local records, names, digests, counter, audit = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local field, expected, json, id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local change, old_name, new_name, at = ARGV[5], ARGV[9], ARGV[10], ARGV[11]
local needed = 13 + tonumber(ARGV[12])
local released = needed + tonumber(ARGV[13])

local old = redis.call('HGET', records, field)
local revision = old and string.match(old, '^(%d+) ') or '0'
if expected ~= revision then
  if not old then return {'missing'} end
  return {'changed', revision}
end
-- What the change was checked against is another by now: it has to be checked again.
if at ~= '' and at ~= (redis.call('HGET', counter, 'n') or '0') then return {'changed', revision} end
for i = 14, needed do
  if redis.call('HEXISTS', records, ARGV[i]) == 0 then return {'changed', revision} end
end
if new_name ~= '' then
  local holder = redis.call('HGET', names, new_name)
  if holder and holder ~= id then return {'name', holder} end
end
for i = released + 1, #ARGV do
  local holder = redis.call('HGET', digests, ARGV[i])
  if holder and holder ~= id then return {'digest', holder} end
end

-- Nothing may fail from here on.
if old_name ~= '' then redis.call('HDEL', names, old_name) end
for i = needed + 1, released do redis.call('HDEL', digests, ARGV[i]) end
local version = redis.call('HINCRBY', counter, 'n', 1)
redis.call('HSET', counter, 'c', change)
if json == '' then
  redis.call('HDEL', records, field)
else
  redis.call('HSET', records, field, version .. ' ' .. json)
  if new_name ~= '' then redis.call('HSET', names, new_name, id) end
  for i = released + 1, #ARGV do redis.call('HSET', digests, ARGV[i], id) end
end
redis.call('XADD', audit, 'MAXLEN', '~', ARGV[8], version .. '-0', 'c', change, 'f', field, 'e', ARGV[6])
redis.call('PUBLISH', ARGV[7], version)
return {'done', version}
