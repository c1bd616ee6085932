-- Looks at many queues at once: has something happened that a driver did not hear of?
-- KEYS     the state of each queue (all of one slot in a cluster)
-- ARGV     none
-- Returns  two numbers for each: its clock, which moves on with every join, tick and wake-up, or -1 when it is not whole; and µs
--          since it was last compared with the journal as a whole, or its people were counted, or -1
-- As in the prelude.
local origin = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
  local state = redis.call('HMGET', key, 'generation', 'origin', 'clock', 'compared')
  local whole = state[1] and state[2] == origin
  -- Later than now: the machine's clock was set back, and nothing is known.
  local compared = tonumber(state[4] or now + 1)
  answer[2 * i - 1] = whole and tonumber(state[3] or 0) or -1
  answer[2 * i] = compared <= now and now - compared or -1
end
return answer
