-- Makes a Redis look as if it had come back after another one served: with the queue as it was kept aside, if it still is.
-- KEYS     the keys of the queue
-- Returns  nothing
local kept = false
for _, key in ipairs(KEYS) do kept = kept or redis.call('EXISTS', 'before:' .. key) == 1 end
if not kept then return end
for _, key in ipairs(KEYS) do
  redis.call('DEL', key)
  if redis.call('EXISTS', 'before:' .. key) == 1 then redis.call('RENAME', 'before:' .. key, key) end
end
