-- Units: amounts are whole nano-dollars, tokens or requests below 2^53; times are milliseconds since 1970.
-- What the ledger's scripts share: each of them has it in front (see extproc.state.layout, which also tells the keys).
-- KEYS[1] is the root of all key names, ARGV[1] the time; '0': this server's.
local ROOT = KEYS[1]
local EXPIRIES, EVENTS, ALERTS = ROOT .. 'x', ROOT .. 'e', ROOT .. 'a'
local now = tonumber(ARGV[1])
if now == 0 then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

local BUCKETS = 60
local KEEP_METER = 35 * 86400000 -- a closed month can be looked at for as long as the next one lasts
local KEEP_ROLLING = 3600000 -- of some there is one for each prompt; longer than holds wait for a word of their worker
local KEEP_ROLLUP = 400 * 86400 -- seconds; a year and a month
local KEEP_SETTLED = 600000 -- settlements are sent again within seconds
local KEEP_EXPIRED = 3600000 -- the longest answer that may still be corrected
local KEEP_OFFLINE = 7 * 86400000 -- a journal may wait so long for somebody to find it, and then is sent again
local KEEP_ALERTS = 10000 -- entries
local KEEP_COMING = 60000 -- as long as a hold without renewal, by default
local GRACE_ADMISSION, GRACE_ATTEMPT = 5000, 30000
local SWEEP = 20 -- rows per step, so that no step becomes long

-- Positions in a line of a row. The window is the start of a calendar window or the bucket of a rolling one.
local KEY, KIND, UNIT, WINDOW, WIDTH, FINISH, LIMIT, ALERT, GROUP, AMOUNT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

-- '..' and tostring would write large numbers as 1e+15; arguments of redis.call are exact.
local function digits(n)
  return string.format('%.0f', n + 0)
end

local function number(text)
  return tonumber(text) or 0
end

-- Rolling meters: bucket i holds what was charged from i * width on, and leaves when a whole window lies behind its end.
-- Fields: t the sum, lo and hi the first and last bucket with something in it. Returns t, h, lo, hi and the bucket of now.
local function roll(key, width)
  local got = redis.call('HMGET', key, 't', 'h', 'lo', 'hi')
  local t, h, lo, hi = number(got[1]), number(got[2]), tonumber(got[3]), tonumber(got[4])
  local current = math.floor(now / width)
  if not lo then return t, h, nil, nil, current end
  if current < hi - 1 then
    -- The clock was set back. All of it counts as charged now: for longer than it should, but not for ever.
    for i = lo, hi do redis.call('HDEL', key, 'b' .. i) end
    lo, hi = current, current
    redis.call('HSET', key, 'b' .. current, t, 'lo', lo, 'hi', hi)
  elseif current < hi then
    current = hi
  end
  local first = current - BUCKETS
  if lo < first then
    local gone = {}
    for i = lo, math.min(hi, first - 1) do gone[#gone + 1] = 'b' .. i end
    for _, amount in ipairs(redis.call('HMGET', key, unpack(gone))) do t = t - number(amount) end
    redis.call('HDEL', key, unpack(gone))
    if hi < first then
      lo, hi = nil, nil
      redis.call('HDEL', key, 't', 'lo', 'hi')
    else
      lo = first
      redis.call('HSET', key, 't', t, 'lo', lo)
    end
  end
  return t, h, lo, hi, current
end

-- Settled, held, the bucket of now (rolling), the first bucket with something in it, and whether the meter is new.
local function stand(key, kind, width)
  if kind == 'r' then
    local t, h, lo, _, current = roll(key, width)
    return t, h, current, lo, not lo and h == 0
  end
  local got = redis.call('HMGET', key, 's', 'h')
  return number(got[1]), number(got[2]), 0, nil, not got[1] and not got[2]
end

local function expire_meter(key, kind, width, finish)
  if kind == 'r' then
    redis.call('PEXPIRE', key, 2 * width * BUCKETS + KEEP_ROLLING)
  elseif kind == 'c' and finish > 0 then
    redis.call('PEXPIRE', key, math.max(finish * 1000 - now, 0) + KEEP_METER)
  end
end

-- Which amount of a charge {usd, input, output, requests} a unit counts.
local function of_unit(unit, charge)
  if unit == 'usd' then return charge[1] end
  if unit == 'input_tokens' then return charge[2] end
  if unit == 'output_tokens' then return charge[3] end
  if unit == 'tokens' then return charge[2] + charge[3] end
  if unit == 'requests' then return charge[4] end
  return 0
end

local function release(line, amount)
  if amount == 0 then return end
  local key = ROOT .. line[KEY]
  local left = redis.call('HINCRBY', key, 'h', -amount)
  if left <= 0 and line[KIND] == 'n' then
    redis.call('DEL', key)
  elseif left < 0 then
    -- The window ended weeks ago and its counters with it.
    redis.call('HINCRBY', key, 'h', -left)
    if redis.call('HLEN', key) == 1 then redis.call('DEL', key) end
  end
end

local function meter_of(line)
  local name = string.sub(line[KEY], 3)
  if line[KIND] ~= 'c' then return name end
  return string.sub(name, 1, -#digits(line[WINDOW]) - 2)
end

-- Once per window and flag; on rolling meters again when a whole window has passed.
local function first_time(line, flag, bucket)
  local key = ROOT .. line[KEY]
  if line[KIND] ~= 'r' then return redis.call('HSETNX', key, flag, 1) == 1 end
  local last = tonumber(redis.call('HGET', key, flag))
  local first = not last or bucket - last > BUCKETS or bucket < last - 1
  if first then redis.call('HSET', key, flag, bucket) end
  return first
end

local function raise(line, share, settled, ...)
  local start = line[KIND] == 'c' and line[WINDOW] or 0
  redis.call('XADD', ALERTS, 'MAXLEN', '~', KEEP_ALERTS, '*', 'meter', meter_of(line), 'start', start, 'share', share,
    'settled', settled, 'limit', line[LIMIT], 'at', now, ...)
end

-- Alerts of a line: 'share:amount' for each threshold, and 'refuse:amount' where its ladder says to refuse from there on.
local function alert(line, settled, bucket)
  for share, at in string.gmatch(line[ALERT], '(%d+):(%d+)') do
    if settled >= tonumber(at) and first_time(line, 'a' .. share, bucket) then raise(line, share, settled) end
  end
end

-- A request that needs so much was turned away, with so much held for others; needs 0: as the ladder says. Its share, for
-- readers that know of thresholds only, is all.
local function alert_refused(line, settled, held, needs, bucket)
  if line[ALERT] == '' or not first_time(line, 'ar', bucket) then return end
  expire_meter(ROOT .. line[KEY], line[KIND], line[WIDTH], line[FINISH]) -- it may have been nothing before
  raise(line, 10000, settled, 'held', held, 'needs', needs)
end

-- Adds to what is settled, in the window in which the hold was taken; negative amounts correct it.
local function charge_line(line, amount)
  local key, kind = ROOT .. line[KEY], line[KIND]
  if kind == 'n' or amount == 0 then return end
  if kind == 'c' then
    local settled = redis.call('HINCRBY', key, 's', amount)
    if settled == amount and line[FINISH] > 0 and redis.call('PTTL', key) == -1 then
      expire_meter(key, kind, 0, line[FINISH])
    end
    if amount > 0 and line[ALERT] ~= '' then alert(line, settled, 0) end
    return
  end
  local t, _, lo, hi, current = roll(key, line[WIDTH])
  local bucket = math.min(line[WINDOW], current) -- after the clock was set back, it may lie in the future
  if bucket < current - BUCKETS then return end -- it has left already
  if amount < 0 then
    -- After the clock was set back the amount may be in another bucket: take no more than this one has.
    amount = -math.min(-amount, number(redis.call('HGET', key, 'b' .. bucket)))
    if amount == 0 then return end
  end
  redis.call('HINCRBY', key, 'b' .. bucket, amount)
  t = redis.call('HINCRBY', key, 't', amount)
  if not lo or bucket < lo or bucket > hi then
    redis.call('HSET', key, 'lo', math.min(lo or bucket, bucket), 'hi', math.max(hi or bucket, bucket))
    expire_meter(key, kind, line[WIDTH], 0)
  end
  if amount > 0 and line[ALERT] ~= '' then alert(line, t, current) end
end

-- One field per combination of parties, its sums in one text: 'usd input output requests failed'.
local function roll_up(parties, charge, failed)
  if parties == '' then return end
  local key = ROOT .. 'r:' .. digits(math.floor(now / 3600000))
  local old = redis.call('HGET', key, parties)
  local usd, input, output, requests, failures = 0, 0, 0, 0, 0
  if old then
    local a, b, c, d, e = string.match(old, '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
    usd, input, output, requests, failures = tonumber(a), tonumber(b), tonumber(c), tonumber(d), tonumber(e)
  end
  redis.call('HSET', key, parties, string.format('%.0f %.0f %.0f %.0f %.0f', usd + charge[1], input + charge[2],
    output + charge[3], requests + charge[4], failures + failed))
  if not old then redis.call('EXPIRE', key, KEEP_ROLLUP) end
end

local function escaped(value)
  if type(value) ~= 'string' then return '' end
  return (string.gsub(value, '[%%|]', { ['%'] = '%25', ['|'] = '%7C' }))
end

-- The same text as extproc.state.events.parties makes of an event. Only names are read with cjson, never amounts.
local function parties_of(facts)
  local fine, event = pcall(cjson.decode, facts)
  if not fine or type(event) ~= 'table' or type(event.key_id) ~= 'string' then return '' end
  return escaped(event.org) .. '|' .. escaped(event.team) .. '|' .. escaped(event.user) .. '|' .. escaped(event.key_id)
    .. '|' .. escaped(event.model) .. '|' .. escaped(event.provider)
end

-- An event whose amounts are not those of its JSON.
local function stated_event(event, state, charge)
  redis.call('XADD', EVENTS, '*', 'e', event, 'state', state, 'usd', charge[1], 'in', charge[2], 'out', charge[3])
end

local function among(list, wanted)
  for _, value in ipairs(list) do
    if value == wanted then return true end
  end
  return false
end

-- Whether every attempt that somebody knows of has settled.
local function all_settled(row)
  for _, attempt in ipairs(row.known) do
    if not among(row.settled, attempt) then return false end
  end
  return true
end

-- Rows: lines, facts, granted, left (groups), settled, known (attempts), admission, closing, offline, sent (an
-- attempt reached a provider), counted (as a request: once, however many attempts it had), coming (settled before it
-- was taken); markers also
-- state ('expired': the lines' amounts are charged; 'gone': nothing is), bound (what an expired one was charged), keep.
local function held_row(id)
  local text = redis.call('GET', ROOT .. 'h:' .. id)
  return text and cmsgpack.unpack(text)
end

local function marker_row(id)
  local text = redis.call('GET', ROOT .. 'd:' .. id)
  return text and cmsgpack.unpack(text)
end

-- What an order without lines will find, if a settlement came first. Its facts, until then: that attempt's event.
local function coming_row(event)
  return {
    lines = {}, facts = event, granted = 0, left = {}, settled = {}, known = {}, admission = false, closing = false,
    final = false, offline = false, keep = 0, coming = true,
  }
end

local function save_held(id, row, expiry)
  redis.call('SET', ROOT .. 'h:' .. id, cmsgpack.pack(row))
  if expiry then redis.call('ZADD', EXPIRIES, expiry, id) end
end

local function save_marker(id, row)
  redis.call('SET', ROOT .. 'd:' .. id, cmsgpack.pack(row), 'PX', row.keep)
end

-- The row has ended and its lines hold nothing any more: what remains tells a repeated settlement from a late one.
local function bury(id, row, keep)
  redis.call('DEL', ROOT .. 'h:' .. id)
  redis.call('ZREM', EXPIRIES, id)
  if row.sent and not row.counted then
    -- All attempts failed, and none of them knew that it was the last.
    row.counted = true
    for _, line in ipairs(row.lines) do
      if line[UNIT] == 'requests' and line[GROUP] == '' then charge_line(line, 1) end
    end
    roll_up(parties_of(row.facts), { 0, 0, 0, 1 }, 0)
  end
  row.state, row.facts, row.keep = 'gone', '', math.max(keep, row.keep, KEEP_SETTLED)
  local last = 0
  for _, attempt in ipairs(row.settled) do last = math.max(last, attempt) end
  if row.final and #row.settled == last then
    row.lines = {} -- attempts count from 1: all have settled, none can be late
  end
  save_marker(id, row)
end

local function release_all(row)
  for _, line in ipairs(row.lines) do
    release(line, line[AMOUNT])
    line[AMOUNT] = 0
  end
end

-- What the bound comes to: {usd, input, output, requests}. Of tokens that only a meter of both kinds bounds, those that no
-- meter of outputs tells count as input: the event comes to what the meters were charged.
local function bound_of(row)
  local most = { usd = 0, tokens = 0 }
  for _, line in ipairs(row.lines) do
    most[line[UNIT]] = math.max(most[line[UNIT]] or 0, line[AMOUNT])
  end
  local input = most.input_tokens or math.max(most.tokens - (most.output_tokens or 0), 0)
  return { most.usd, input, most.output_tokens or math.max(most.tokens - input, 0), 1 }
end

-- A row whose time is over. Returns 1 where it was charged at its bound.
local function expire(id)
  local row = held_row(id)
  if not row then
    redis.call('ZREM', EXPIRIES, id)
    return 0
  end
  if (row.admission or row.closing) and all_settled(row) then
    release_all(row)
    bury(id, row, 0)
    return 0
  end
  row.bound = bound_of(row)
  for _, line in ipairs(row.lines) do
    release(line, line[AMOUNT])
    charge_line(line, line[AMOUNT])
  end
  redis.call('DEL', ROOT .. 'h:' .. id)
  redis.call('ZREM', EXPIRIES, id)
  row.state, row.counted, row.keep = 'expired', true, math.max(row.keep, KEEP_EXPIRED)
  save_marker(id, row)
  stated_event(row.facts, 'expired', row.bound)
  roll_up(parties_of(row.facts), row.bound, 1)
  return 1
end

-- Returns how many rows were looked at, and how many of them were charged at their bound.
local function sweep(limit)
  local ids = redis.call('ZRANGEBYSCORE', EXPIRIES, '-inf', now, 'LIMIT', 0, limit)
  local charged = 0
  for _, id in ipairs(ids) do charged = charged + expire(id) end
  return #ids, charged
end
