-- Compares the counts of many queues with the journal, and notes each that agrees as compared.
-- KEYS     waiting, inflight, holders and state of each queue (all in one slot in a cluster)
-- ARGV     for each queue, by the journal: how many wait, how many hold a ticket
-- Returns  1 or 0 for each queue: whether it is built in this Redis, and agrees
--
-- Origin and time: as in the prelude.
local origin = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  .. string.match(redis.call('INFO', 'replication'), 'master_replid:(%w+)')
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
local answer = {}
for i = 1, #KEYS / 4 do
  local waiting, inflight, holders, state = KEYS[4 * i - 3], KEYS[4 * i - 2], KEYS[4 * i - 1], KEYS[4 * i]
  local built = redis.call('HMGET', state, 'generation', 'origin')
  local agrees = built[1] and built[2] == origin
    and redis.call('ZCARD', waiting) + redis.call('ZCARD', inflight) == tonumber(ARGV[2 * i - 1])
    and redis.call('SCARD', holders) == tonumber(ARGV[2 * i])
  if agrees then redis.call('HSET', state, 'compared', now) end
  answer[i] = agrees and 1 or 0
end
return answer
