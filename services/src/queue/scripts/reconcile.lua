-- Makes Redis agree with a part of the journal: loads it into a queue that is being built, or
-- repairs a queue that is whole.
-- ARGV     builder ('' for a queue that is whole), patience (µs), then account, arrival,
--          standing …: 'waiting' | 'holds' (a ticket) | 'gone' | 'lost' (waiting) | 'released'
--          (gone); the last two were read after Redis was seen to differ
-- Returns  {'gone'} when another builder has taken over, a part of what was built is lost, or the
--          queue is not whole | {'kept', arrival …} with those that wait and are missing here, and
--          those that are gone and are holders here
-- Keeps    no account comes back into a closed sale, or beside a ticket; a place in flight is left
--          to its claim, unless it was given up; watchers behind a place that is restored or
--          removed are notified
local building = ARGV[1] ~= ''
if building then
  if not INTACT or sale('builder') ~= ARGV[1] then return {'gone'} end
  redis.call('HSET', STATE, 'builder_until', text(now() + tonumber(ARGV[2])))
elseif not whole() then return {'gone'} end
local closed, put_back, answer = sale('state') == 'closed', false, {'kept'}
local function holds(account) return redis.call('SISMEMBER', HOLDERS, account) == 1 end

local follow = {}
function follow.waiting(account, arrival)
  if building then redis.call('ZADD', WAITING, arrival, account) return end
  local here = place(account)
  if not closed and (not here or tonumber(here) > tonumber(arrival)) then answer[#answer + 1] = arrival end
end
function follow.lost(account, arrival)
  if closed or redis.call('ZSCORE', INFLIGHT, account) or holds(account) then return end
  -- LT: an account that has a place keeps the older one.
  if redis.call('ZADD', WAITING, 'LT', 'CH', arrival, account) == 1 then put_back = true end
end
function follow.holds(account, arrival)
  redis.call('SADD', HOLDERS, account)
  take_out(WAITING, account, arrival)
end
function follow.gone(account, arrival)
  if not take_out(WAITING, account, arrival) then take_out(INFLIGHT, account, arrival) end
  if holds(account) then answer[#answer + 1] = arrival end
end
function follow.released(account, arrival)
  redis.call('SREM', HOLDERS, account)
  follow.gone(account, arrival)
end

for i = 3, #ARGV, 3 do follow[ARGV[i + 2]](ARGV[i], ARGV[i + 1]) end
if put_back then publish_gap() end
return sealed(answer)
