-- Makes a Redis look as if another one had taken over, without a queue: what it has is kept aside.
-- KEYS     the keys of the queue
-- Returns  nothing
for _, key in ipairs(KEYS) do
  redis.call('DEL', 'before:' .. key)
  if redis.call('EXISTS', key) == 1 then redis.call('RENAME', key, 'before:' .. key) end
end
