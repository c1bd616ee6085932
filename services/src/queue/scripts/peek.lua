-- Reads many queues at once: has anything happened that a driver did not hear of?
-- KEYS     the state of each queue (all in one slot in a cluster)
-- ARGV     none
-- Returns  two numbers for each queue: its clock, which advances with every join, tick and wake-up,
--          or -1 when it is not built, or built in another Redis; and µs since it was last compared
--          with the journal as a whole or counted, or -1 when that is not known
--
-- Origin and time: as in the prelude.
local origin = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
  local state = redis.call('HMGET', key, 'generation', 'origin', 'clock', 'compared')
  local whole = state[1] and state[2] == origin
  -- An instant later than now: the machine's clock was set back, and the age is unknown.
  local compared = tonumber(state[4] or now + 1)
  answer[2 * i - 1] = whole and tonumber(state[3] or 0) or -1
  answer[2 * i] = compared <= now and now - compared or -1
end
return answer
