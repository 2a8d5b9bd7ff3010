-- Units: times milliseconds since 1970.
-- needs books.lua
-- Admission has seen the request's end, and no attempt answered it. ARGV: 1 now, 2 hold id, 3 unseen ('1': the hold's
--   grant has reached nobody, so no attempt can come), then the attempts sent.
-- Answers {expired, what}; what: 0 nothing to do, 1 closing, 2 gone, 3 what had been charged at the bound is taken back.
local id, unseen = ARGV[2], ARGV[3] == '1'
local _, expired = sweep(SWEEP)
local held = held_row(id)
local row = held or marker_row(id)
if not row or row.state == 'gone' then return { expired, 0 } end

row.admission = true
for i = 4, #ARGV do
  local attempt = tonumber(ARGV[i])
  if not among(row.known, attempt) then row.known[#row.known + 1] = attempt end
end
local complete = all_settled(row)
if held then
  if unseen or (row.closing and complete) then
    release_all(row)
    bury(id, row, row.keep)
    return { expired, 2 }
  end
  save_held(id, row, now + GRACE_ADMISSION)
  return { expired, 1 }
end
if not complete then
  save_marker(id, row)
  return { expired, 1 }
end
local asked = row.sent and 1 or 0 -- then it remains a request
for _, line in ipairs(row.lines) do
  local remains = line[UNIT] == 'requests' and line[GROUP] == '' and asked or 0
  charge_line(line, remains - line[AMOUNT])
  line[AMOUNT] = 0
end
local bound = row.bound
local change = { -bound[1], -bound[2], -bound[3], asked - bound[4] }
stated_event(row.facts, 'corrected', change)
roll_up(parties_of(row.facts), change, -1)
row.state, row.bound = 'gone', nil
save_marker(id, row)
return { expired, 3 }
