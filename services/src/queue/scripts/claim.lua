-- Moves the head of the queue in flight when its time has come, and returns the ticks that the
-- caller has not seen. There is no leader: every server calls this, and this script is the lock. It
-- is called when it can do something, and when the queue wakes its drivers, but not in between.
-- ARGV     lease (µs), how early the caller wants a batch (µs), newest tick seen ('' for none), the
--          time by PostgreSQL's clock (µs), PostgreSQL's timeline, the sale's seven fields
--          (prelude: take_over_sale)
-- Returns  {'unbuilt', '0', '0', '0', '0', '0', {}, {}}, or 'forked' for 'unbuilt' when PostgreSQL
--          has begun another timeline since the queue was built | {'built', or 'over' when a closed
--          sale still has places, generation, µs until a call can do something again ('-1': when
--          the queue wakes its drivers), the queue's clock, claim, µs before which it must not be
--          committed, {account, arrival, …}, {tick, …}}
-- Keeps    one batch in flight at a time; at most batch_size at once, and none due before
--          next_claim; strict order; nothing is put off for longer than it lasts, even if Redis's
--          clock is set
local function nothing(word) return {word, '0', '0', '0', '0', '0', {}, {}} end
if not whole() then return nothing('unbuilt') end
if tonumber(ARGV[5]) > (tonumber(sale('timeline')) or 0) then return nothing('forked') end
local lease, ahead, seen, wall = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local changed = take_over_sale(6)
-- The caller has seen a tick later than the clock: from an earlier Redis, whose clock was ahead. It
-- would take every new tick for an old one.
if seen ~= '' and tonumber(seen) > tonumber(sale('clock')) then
  redis.call('HSET', STATE, 'clock', seen)
  publish_gap()
end
local instant = now()
local interval = tonumber(sale('interval_ms')) * 1000
-- Returns an instant that was noted. One further off than `most` can only come from a clock that
-- was set back since.
local function noted_instant(field, most)
  local noted = tonumber(sale(field)) or 0
  if noted <= instant + most then return noted end
  redis.call('HSET', STATE, field, text(instant + most))
  return instant + most
end
-- A batch may have been claimed half an interval before its time.
local next_claim = noted_instant('next_claim', interval * 1.5)
local lease_until = noted_instant('lease_until', lease)
local claim, wait, batch = '0', 0, {}

local function take(accounts, due)
  if #accounts == 0 then return end
  claim, wait, batch = text(clock()), math.max(due - instant, 0), accounts
  lease_until, next_claim = instant + lease, instant + wait + interval
  redis.call('HSET', STATE, 'claim', claim, 'due', text(due), 'lease_until', text(lease_until), 'next_claim', text(next_claim))
end

if sale('state') ~= 'closed' and redis.call('EXISTS', INFLIGHT) == 1 then
  -- A batch whose server died is taken over whole, even in a paused sale: the transaction decides
  -- what becomes of each entry.
  if instant >= lease_until then
    -- The transaction waits with its locks: not for longer than a batch is claimed ahead.
    take(redis.call('ZRANGE', INFLIGHT, 0, -1, 'WITHSCORES'), noted_instant('due', math.max(ahead, 50000)))
  end
elseif sale('state') == 'open' and wall >= tonumber(sale('opens_at')) and wall < tonumber(sale('closes_at'))
  and instant >= next_claim - ahead then
  local most = math.min(tonumber(sale('batch_size')), tonumber(sale('stock')))
  if most > 0 then
    local head = redis.call('ZPOPMIN', WAITING, most)
    for i = 1, #head, 2 do redis.call('ZADD', INFLIGHT, head[i + 1], head[i]) end
    take(head, next_claim)
  end
end

-- Once a second while something happens, by the first server to call. A quiet second is not noted.
local noted = tonumber(sale('noted')) or 0
local happened = (instant >= noted + 1000000 or instant < noted) and sample(instant)
if happened then
  redis.call('RPUSH', COURSE, happened)
  redis.call('LTRIM', COURSE, -300, -1)
  redis.call('HSET', STATE, 'noted', text(instant), 'joined', '0', 'issued', '0')
end

-- A batch in flight soon brings a tick, which names the leavers as well, unless its server has
-- died.
local patience = math.min(interval, 1000000) + (redis.call('EXISTS', INFLIGHT) == 1 and 1000000 or 0)
local function leavers_due()
  return redis.call('EXISTS', LEAVING) == 1 and noted_instant('ticked', 0) + patience or math.huge
end
if changed or instant >= leavers_due() then publish({}) end

local TICKS_AT_ONCE = 200
local ticks = {}
if seen == '' then
  for _, entry in ipairs(redis.call('XREVRANGE', TICKS, '+', '-', 'COUNT', 1)) do ticks[1] = entry[2][2] end
else
  for _, entry in ipairs(redis.call('XRANGE', TICKS, '(' .. seen .. '-0', '+', 'COUNT', TICKS_AT_ONCE)) do ticks[#ticks + 1] = entry[2][2] end
end
-- The instant until which nothing becomes due. Everything else that can change this wakes the
-- drivers.
local due = leavers_due()
if sale('state') ~= 'closed' and redis.call('EXISTS', INFLIGHT) == 1 then due = math.min(due, lease_until)
elseif sale('state') == 'open' and wall < tonumber(sale('closes_at')) and redis.call('EXISTS', WAITING) == 1
  and math.min(tonumber(sale('batch_size')), tonumber(sale('stock'))) > 0 then
  due = math.min(due, math.max(next_claim - ahead, instant + tonumber(sale('opens_at')) - wall))
end
if sample(instant) then due = math.min(due, (tonumber(sale('noted')) or 0) + 1000000) end
-- There are more ticks than one call returns.
if #ticks == TICKS_AT_ONCE then due = instant end
local rest = due == math.huge and '-1' or text(math.max(due - instant, 0))
local over = sale('state') == 'closed' and waiting() > 0
return sealed({over and 'over' or 'built', sale('generation'), rest, sale('clock') or '0', claim, text(wait), batch, ticks})
