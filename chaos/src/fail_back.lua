-- Simulates failing back to a Redis that served before another one took over: restores the queue
-- that fail_over.lua kept aside, if it is still there.
-- KEYS     the keys of the queue
-- Returns  nothing
local kept = false
for _, key in ipairs(KEYS) do kept = kept or redis.call('EXISTS', 'before:' .. key) == 1 end
if not kept then return end
for _, key in ipairs(KEYS) do
  redis.call('DEL', key)
  if redis.call('EXISTS', 'before:' .. key) == 1 then redis.call('RENAME', 'before:' .. key, key) end
end
