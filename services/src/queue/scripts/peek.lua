-- Looks at many queues at once, without waking anything: has something happened that a driver did not hear of?
-- KEYS     the state of each queue (all of one slot in a cluster)
-- ARGV     none
-- Returns  three numbers for each: its newest wake-up, or -1 when it is not whole; its clock; µs since it was last compared
--          with the journal as a whole, or -1
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
  local state = redis.call('HMGET', key, 'generation', 'run_id', 'wake', 'clock', 'compared')
  local whole = state[1] and state[2] == run_id
  answer[3 * i - 2] = whole and tonumber(state[3] or 0) or -1
  answer[3 * i - 1] = tonumber(state[4] or 0)
  answer[3 * i] = state[5] and math.max(now - state[5], 0) or -1
end
return answer
