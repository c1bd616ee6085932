-- Simulates a step of Redis's clock: moves the instants that a queue has noted.
-- KEYS     the queue's state
-- ARGV     the step (µs): positive for forward, negative for back
-- Returns  nothing
for _, field in ipairs({'next_claim', 'lease_until', 'due', 'ticked', 'noted', 'builder_until'}) do
  local noted = tonumber(redis.call('HGET', KEYS[1], field))
  if noted and noted > 0 then redis.call('HSET', KEYS[1], field, string.format('%.0f', noted - ARGV[1])) end
end
