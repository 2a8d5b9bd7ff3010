-- Units: amounts nano-dollars, tokens or requests; times milliseconds since 1970.
-- needs books.lua
-- One attempt has ended. ARGV: 1 now, 2 hold id, 3 attempt (from 1), 4 group, 5 usd, 6 input tokens, 7 output tokens,
--   8 requests (1: the attempt reached a provider), 9 final, 10 closing, 11 again ('1': it was sent before, and nobody knows what became of it),
--   12 milliseconds for which a repetition is to be recognised (0: the usual), 13 events kept, 14 parties, 15 failed,
--   16 event, 17 ask ('1': tell whether the hold still covers another attempt), 18 limitless ('1': its order has no lines).
-- Answers {expired, what, covered 1|0, ids of meters on which more than the bound was charged ...}; what: 0 a
--   repetition, 1 charged, 2 corrected what had been charged at the bound, 3 on no meter, for nothing is known of the
--   hold's lines (any more), 4 came after the end.
local id, attempt, group = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local charge = { tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]) }
local final, closing, again = ARGV[9] == '1', ARGV[10] == '1', ARGV[11] == '1'
local keep, most, parties, failed = tonumber(ARGV[12]), ARGV[13], ARGV[14], tonumber(ARGV[15])
local sent = charge[4] > 0
local event, ask = ARGV[16], ARGV[17] == '1'
local _, expired = sweep(SWEEP)

local function plain_event(state)
  if state == '' then
    redis.call('XADD', EVENTS, 'MAXLEN', '~', most, '*', 'e', event)
  else
    redis.call('XADD', EVENTS, 'MAXLEN', '~', most, '*', 'e', event, 'state', state)
  end
end

local function covered(row)
  if not ask then return 1 end
  if row.state then return 0 end
  for _, line in ipairs(row.lines) do
    local settled, held = stand(ROOT .. line[KEY], line[KIND], line[WIDTH])
    if settled + held > line[LIMIT] then return 0 end
  end
  return 1
end

-- What a hold that was granted offline, by another process, will have to be charged with when it comes.
local function early(was_sent)
  return { group = group, final = final, closing = closing, charge = charge, sent = was_sent }
end

-- Behind the last attempt that anybody knows of, the request is counted.
local function counts(was_sent)
  return was_sent and (final or closing) and 1 or 0
end

local row = held_row(id) or marker_row(id)
local coming = not row and ARGV[18] == '1' and not again
if coming then
  -- Nothing is held, so nothing is wrong: the order is still on its way, from another process.
  row = coming_row(event)
end
if not row then
  charge[4] = counts(sent)
  if not again then
    save_marker(id, {
      state = 'gone', lines = {}, settled = { attempt }, known = {}, granted = 0, left = {}, facts = '',
      unheld = { early(sent) }, sent = sent, counted = charge[4] > 0, keep = math.max(keep, KEEP_OFFLINE),
    })
    plain_event('orphan')
    roll_up(parties, charge, failed)
  end
  return { expired, again and 0 or 3, 0 }
end
if among(row.settled, attempt) then return { expired, 0, covered(row) } end

row.settled[#row.settled + 1] = attempt
row.sent = row.sent or sent
row.closing = row.closing or closing
row.final = row.final or final
local over = final or (row.admission and row.closing and all_settled(row))
local expired_row = row.state == 'expired'
if expired_row then
  over = final or closing or (row.admission and all_settled(row))
  charge[4] = over and row.sent and 1 or 0 -- it has been counted
else
  charge[4] = row.counted and 0 or counts(row.sent)
  row.counted = row.counted or charge[4] > 0
end

local reply = { expired, 1, 0 }
for _, line in ipairs(row.lines) do
  local amount = 0
  local counted = false
  if line[GROUP] == '' or line[GROUP] == group then
    amount = of_unit(line[UNIT], charge)
    if not row.state and line[UNIT] == 'requests' then
      -- Once on each line, which then holds nothing more: of a provider, though another has counted it before.
      amount = line[AMOUNT] > 0 and counts(row.sent) or 0
      counted = amount > 0
    end
  end
  if not row.state and amount > line[AMOUNT] and line[KIND] ~= 'n' then reply[#reply + 1] = meter_of(line) end
  local back = (over or counted) and line[AMOUNT] or 0
  if expired_row then
    charge_line(line, amount - back)
  else
    release(line, back)
    charge_line(line, amount)
  end
  line[AMOUNT] = line[AMOUNT] - back
end

if expired_row and over then
  local bound = row.bound
  local change = { charge[1] - bound[1], charge[2] - bound[2], charge[3] - bound[3], charge[4] - bound[4] }
  stated_event(event, 'corrected', change)
  roll_up(parties, change, failed - 1)
  row.bound, row.state = nil, 'gone'
  row.keep = math.max(row.keep, keep)
  save_marker(id, row)
  reply[2] = 2
  return reply
end
local late = #row.lines == 0 and not expired_row and 'orphan' or 'late'
plain_event(row.state and late or row.offline and 'offline' or '')
roll_up(parties, charge, failed)
if row.state then
  if row.unheld then row.unheld[#row.unheld + 1] = early(row.sent) end
  row.keep = math.max(row.keep, keep)
  save_marker(id, row)
  reply[2] = late == 'orphan' and 3 or 4
elseif over then
  bury(id, row, keep)
else
  row.keep = math.max(row.keep, keep)
  save_held(id, row, closing and not row.admission and now + GRACE_ATTEMPT or coming and now + KEEP_COMING)
end
reply[3] = covered(row)
return reply
