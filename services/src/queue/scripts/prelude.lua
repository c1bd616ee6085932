-- Prepended to every script of the queue: names of the keys, clock, rank, tick.
-- KEYS  always all seven, in this order; queue/keys.rs documents each of them.
local WAITING, INFLIGHT, LEAVING = KEYS[1], KEYS[2], KEYS[3]
local HOLDERS, STATE, TICKS, COURSE = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local PREFIX, CONCERT = string.match(STATE, '^(.*)queue:{(%d+)}:state$')

local function text(number) return string.format('%.0f', number) end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Returns the next instant of this queue's own clock, in microseconds: the machine's time, but
-- strictly increasing even if the machine's clock is set back, so that it is both a time and a
-- unique order. Takes `many` instants (default 1) and returns the first.
local function clock(many)
  local first = math.max(now(), (tonumber(redis.call('HGET', STATE, 'clock')) or 0) + 1)
  redis.call('HSET', STATE, 'clock', text(first + (many or 1) - 1))
  return first
end

-- Wakes this queue's driver on every server: there is something to do, or to wait for, that it did
-- not know of. A server that misses the message sees with its next sweep that the clock has
-- advanced (peek.lua). So a Redis user that may not publish delays turns by up to two seconds, and
-- is no error.
local function wake()
  redis.pcall('PUBLISH', PREFIX .. 'queue:wake', CONCERT .. ' ' .. text(clock()))
end

local function built() return redis.call('HEXISTS', STATE, 'generation') == 1 end

-- Identifies this Redis and its promotion: a Redis that was promoted, demoted and promoted again
-- keeps its run_id, but not the id of its replication.
local function origin()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
    .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
end

-- Returns the size of each part of the queue, which shows a part that was deleted or evicted by
-- anything but these scripts.
local function sizes()
  return string.format('%d %d %d %d', redis.call('ZCARD', WAITING), redis.call('ZCARD', INFLIGHT),
    redis.call('ZCARD', LEAVING), redis.call('SCARD', HOLDERS))
end

-- Whether all parts had the sizes that the last script left when this one began.
local SIZES = sizes()
local INTACT = redis.call('HGET', STATE, 'sizes') == SIZES

-- Every script that may have changed a part returns through this. A queue that was not intact stays
-- so until it is built anew.
local function sealed(answer)
  local now = sizes()
  if INTACT and now ~= SIZES then redis.call('HSET', STATE, 'sizes', now) end
  return answer
end

-- Whether the queue is whole: built, intact, and by the very Redis that answers. A Redis that was
-- restarted or promoted may have lost the last moments, and only the journal can tell; its clock
-- may be behind the newest arrival as well.
local function whole() return INTACT and built() and redis.call('HGET', STATE, 'origin') == origin() end

-- Returns people ahead + 1 as of the newest tick: those in flight, and those that have left and
-- were not in a tick yet, still count.
local function rank(arrival)
  local before = '(' .. arrival
  return redis.call('ZCOUNT', WAITING, '-inf', before) + redis.call('ZCOUNT', INFLIGHT, '-inf', before)
    + redis.call('ZCOUNT', LEAVING, '-inf', before) + 1
end

local function place(account)
  return redis.call('ZSCORE', WAITING, account) or redis.call('ZSCORE', INFLIGHT, account)
end

-- Removes a place from WAITING or INFLIGHT, if it has that arrival; the next tick reports it as
-- left.
local function take_out(key, account, arrival)
  if redis.call('ZSCORE', key, account) ~= arrival then return false end
  redis.call('ZREM', key, account)
  redis.call('ZADD', LEAVING, arrival, arrival)
  -- The first leaver since the last tick makes a tick due, and the last place in flight lets the
  -- next batch go.
  if redis.call('ZCARD', LEAVING) == 1 or (key == INFLIGHT and redis.call('EXISTS', INFLIGHT) == 0) then wake() end
  return true
end

-- Returns how many wait as of the newest tick, like the rank.
local function waiting() return redis.call('ZCARD', WAITING) + redis.call('ZCARD', INFLIGHT) + redis.call('ZCARD', LEAVING) end

local function sale(field) return redis.call('HGET', STATE, field) end

local function sale_json()
  local s = redis.call('HMGET', STATE, 'state', 'stock', 'batch_size', 'interval_ms')
  return string.format('{"state":"%s","stock":%s,"batch_size":%s,"interval_ms":%s}', s[1], s[2], s[3], s[4])
end

-- Takes over the sale as PostgreSQL has it, unless a newer revision is known. ARGV[first …]:
-- revision, state, stock, batch_size, interval_ms, opens_at, closes_at (µs). Returns whether what
-- watchers see has changed.
local function take_over_sale(first)
  local revision = tonumber(ARGV[first])
  if revision <= (tonumber(sale('revision')) or 0) then return false end
  local before = sale('revision') and sale_json()
  redis.call('HSET', STATE, 'revision', ARGV[first], 'state', ARGV[first + 1], 'stock', ARGV[first + 2],
    'batch_size', ARGV[first + 3], 'interval_ms', ARGV[first + 4], 'opens_at', ARGV[first + 5], 'closes_at', ARGV[first + 6])
  -- An interval that was shortened counts from now, not from the end of the old one.
  local soonest = now() + tonumber(ARGV[first + 4]) * 1000
  if (tonumber(sale('next_claim')) or 0) > soonest then redis.call('HSET', STATE, 'next_claim', text(soonest)) end
  return before ~= sale_json()
end

-- Encodes arrivals in order, each as its distance from the one before (model: Arrival::from_steps).
local function steps(arrivals)
  local steps, before = {}, 0
  for i, arrival in ipairs(arrivals) do
    steps[i], before = text(arrival - before), arrival
  end
  return table.concat(steps, ',')
end

-- Appends a tick: these arrivals were issued, and all that have left since the tick before.
local function publish(issued)
  local left = redis.call('ZRANGE', LEAVING, 0, -1)
  redis.call('DEL', LEAVING)
  local id, previous = text(clock()), sale('tick') or '0'
  local json = string.format('{"id":%s,"previous":%s,"issued":[%s],"left":[%s],"waiting":%d,"sale":%s}',
    id, previous, steps(issued), steps(left), waiting(), sale_json())
  redis.call('XADD', TICKS, 'MAXLEN', '~', 500, id .. '-0', 'tick', json)
  redis.call('HSET', STATE, 'tick', id, 'ticked', text(now()))
  wake()
end

-- Makes every watcher notice a gap and read its standing anew: for a change that no tick can
-- express.
local function publish_gap()
  redis.call('HSET', STATE, 'tick', text(clock()))
  publish({})
end

-- Returns what has happened since the last note: until when, over how long (µs), how many joined,
-- how many were issued; or nil if nothing has. Over a second at most: the first join or issue after
-- a while wakes the drivers, so nothing happened before that.
local function sample(instant)
  local joined, issued = tonumber(sale('joined')) or 0, tonumber(sale('issued')) or 0
  if joined + issued == 0 then return nil end
  local since = instant - (tonumber(sale('noted')) or 0)
  if since <= 0 or since > 1000000 then since = 1000000 end
  return string.format('%.0f,%.0f,%d,%d', instant, since, joined, issued)
end

-- Builds what clients may know of the queue: 'built', generation, tick, waiting, sale as JSON,
-- opens_at, and three values for each account: a word, arrival or '', rank or '0'.
local function reading(people)
  return {'built', sale('generation'), sale('tick') or '0', text(waiting()), sale_json(), sale('opens_at'), people}
end

local UNBUILT = {'unbuilt', '0', '0', '0', '', '0', {}}
