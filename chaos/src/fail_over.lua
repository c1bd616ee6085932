-- Simulates a failover to a Redis without this queue: renames its keys to `before:{key}`.
-- KEYS     the keys of the queue
-- Returns  nothing
for _, key in ipairs(KEYS) do
  redis.call('DEL', 'before:' .. key)
  if redis.call('EXISTS', key) == 1 then redis.call('RENAME', key, 'before:' .. key) end
end
