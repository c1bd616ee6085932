-- Makes a queue look as it would if Redis's clock had been set.
-- KEYS     its state
-- ARGV     by how much (µs), forward or back
-- Returns  nothing
for _, field in ipairs({'next_claim', 'lease_until', 'due', 'ticked', 'noted', 'builder_until'}) do
  local noted = tonumber(redis.call('HGET', KEYS[1], field))
  if noted and noted > 0 then redis.call('HSET', KEYS[1], field, string.format('%.0f', noted - ARGV[1])) end
end
