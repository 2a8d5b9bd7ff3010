-- Units: amounts nano-dollars, tokens or requests; times milliseconds since 1970, but 'end' and 'reset' seconds.
-- needs books.lua
-- Takes an order: all lines or none. ARGV: 1 now, 2 id, 3 milliseconds until it expires, 4 output tokens wanted,
--   5 fewest output tokens, 6 facts, 7 mode (0 ask whether it fits; 1 granted offline, take it; 2 nothing to ask, as it has
--   no lines; 1 and 2 do nothing where the hold has already ended, but 1 charges what was settled before it came),
--   8 others ('1': providers without a group remain if all groups are left out), then per line 13:
--   key, kind (c calendar, r rolling, n now), unit, start, width (of a bucket), end, limit, alerts, rank (1 is named
--   before 2), fixed, per output token, gate (-1 none), group ('' none).
-- A line without room raises an alert, as does one whose gate is in the way where its ladder says to refuse.
-- Answers {expired, granted 1|0, output, refused by (from 0; -1 nobody), gated 1|0, {groups left out},
--   then per line settled, held, reset}.
local HEAD, STRIDE = 8, 13
local id, ttl = ARGV[2], tonumber(ARGV[3])
local wanted, floor, facts = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local force, offline, others = ARGV[7] ~= '0', ARGV[7] == '1', ARGV[8] == '1'
floor = math.min(floor, wanted)
local count = (#ARGV - HEAD) / STRIDE
local _, expired = sweep(SWEEP)

local lines, groups, out = {}, {}, {}
local refused, refused_rank, gated = -1, 9, 0
local output = wanted

-- How much output a line has room for; nil: not even the fewest. Second: the gate is in the way.
local function room(line)
  local used = line.settled + line.held
  if line.gate >= 0 and used >= line.gate then return nil, true end
  local left = line.limit - used - line.fixed
  if left < 0 then return nil, false end
  if line.per == 0 then return wanted, false end
  local most = math.floor(left / line.per)
  if most < floor then return nil, false end
  return most, false
end

local function tell_refused(line)
  local from = tonumber(string.match(line.alerts, 'refuse:(%d+)'))
  if line.gated and not (from and line.settled + line.held >= from) then return end -- another model may serve it
  local row = { line.key, line.kind, line.unit, line.start, line.width, line.finish, line.limit, line.alerts }
  alert_refused(row, line.settled, line.held, line.gated and 0 or line.fixed + line.per * floor, line.bucket)
end

local function refuse(line, index, by_gate)
  if line.rank < refused_rank then
    refused, refused_rank, gated = index - 1, line.rank, by_gate and 1 or 0
  end
end

-- Seconds until a rolling meter has room: for what was refused, until enough has left; else until something leaves.
local function rolling_reset(line, is_refused)
  if not line.lo then return 0 end
  local window = math.ceil(line.width * (BUCKETS + 1) / 1000)
  local leaves = line.lo
  if is_refused then
    local need = line.settled + line.held + line.fixed + line.per * floor - line.limit
    if gated == 1 then need = line.settled + line.held - line.gate + 1 end
    leaves = nil
    for i = line.lo, line.bucket do
      need = need - number(redis.call('HGET', ROOT .. line.key, 'b' .. i))
      if need <= 0 then
        leaves = i
        break
      end
    end
    if not leaves then return window end
  end
  return math.max(1, math.min(window, math.ceil(((leaves + BUCKETS + 1) * line.width - now) / 1000)))
end

local function reset_of(line, index)
  if line.kind == 'n' then return 0 end
  if line.kind == 'r' then return rolling_reset(line, refused == index - 1) end
  if line.finish == 0 then return 0 end
  return math.max(0, math.ceil((line.finish * 1000 - now) / 1000))
end

local function answer(granted, left)
  local reply = { expired, granted, output, refused, gated, left }
  for index, line in ipairs(lines) do
    reply[#reply + 1] = line.settled
    reply[#reply + 1] = line.held
    reply[#reply + 1] = reset_of(line, index)
  end
  return reply
end

for index = 1, count do
  local at = HEAD + (index - 1) * STRIDE
  local line = {
    key = ARGV[at + 1], kind = ARGV[at + 2], unit = ARGV[at + 3], start = tonumber(ARGV[at + 4]),
    width = tonumber(ARGV[at + 5]), finish = tonumber(ARGV[at + 6]), limit = tonumber(ARGV[at + 7]),
    alerts = ARGV[at + 8], rank = tonumber(ARGV[at + 9]), fixed = tonumber(ARGV[at + 10]),
    per = tonumber(ARGV[at + 11]), gate = tonumber(ARGV[at + 12]), group = ARGV[at + 13],
  }
  line.settled, line.held, line.bucket, line.lo, line.new = stand(ROOT .. line.key, line.kind, line.width)
  lines[index] = line
end

local before = held_row(id) or (force and marker_row(id))
local early = offline and before and before.unheld
if before and before.coming and not before.state then
  before.facts, before.coming = facts, nil
  save_held(id, before)
end
if before and not early then
  -- Asked again because the answer was lost: what was granted then is granted still.
  output = before.granted
  return answer(1, before.left)
end

if not force then
  local kept = others
  for index, line in ipairs(lines) do
    line.room, line.gated = room(line)
    if not line.room then tell_refused(line) end
    if line.group == '' then
      if not line.room then refuse(line, index, line.gated) end
    elseif not line.room then
      if not groups[line.group] then out[#out + 1] = line.group end
      groups[line.group] = true
    end
  end
  local grouped = false
  for _, line in ipairs(lines) do
    if line.group ~= '' then
      grouped = true
      if not groups[line.group] then kept = true end
    end
  end
  if grouped and not kept then
    for index, line in ipairs(lines) do
      if line.group ~= '' and not line.room then refuse(line, index, line.gated) end
    end
  end
  if refused >= 0 then
    output = 0
    return answer(0, {})
  end
  for _, line in ipairs(lines) do
    if not groups[line.group] then output = math.min(output, line.room) end
  end
end

local rows = {}
for _, line in ipairs(lines) do
  if not groups[line.group] then
    local amount = line.fixed + line.per * output
    local key = ROOT .. line.key
    line.held = redis.call('HINCRBY', key, 'h', amount)
    if line.new then expire_meter(key, line.kind, line.width, line.finish) end
    local window = line.kind == 'r' and line.bucket or line.start
    rows[#rows + 1] = { line.key, line.kind, line.unit, window, line.width, line.finish, line.limit, line.alerts,
      line.group, amount }
  end
end
local row = {
  lines = rows, facts = facts, granted = output, left = out, settled = {}, known = {}, admission = false,
  closing = false, final = false, offline = offline, keep = offline and KEEP_OFFLINE or 0,
}
if early then
  -- Both had waited for this server in different processes, and the settlement was the first to arrive.
  row.settled, row.sent, row.counted = before.settled, before.sent, before.counted
  for _, one in ipairs(early) do
    row.final, row.closing = row.final or one.final, row.closing or one.closing
    local counts = one.sent and (one.final or one.closing) and 1 or 0
    for _, line in ipairs(rows) do
      if line[GROUP] == '' or line[GROUP] == one.group then
        local amount = of_unit(line[UNIT], one.charge)
        if line[UNIT] == 'requests' then
          amount = line[AMOUNT] > 0 and counts or 0
          release(line, amount)
          line[AMOUNT] = line[AMOUNT] - amount
        end
        charge_line(line, amount)
      end
    end
  end
  redis.call('DEL', ROOT .. 'd:' .. id)
end
if row.final then
  release_all(row)
  bury(id, row, row.keep)
else
  save_held(id, row, now + (row.closing and GRACE_ATTEMPT or ttl))
end
return answer(1, out)
