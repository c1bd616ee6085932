-- Opens a queue that has been built.
-- ARGV     builder, generation, clock (µs: the newest arrival or claim on record), last issue (µs; 0: none),
--          sale's seven fields (prelude: take_over_sale)
-- Returns  1, or 0 when somebody else builds by now
-- Keeps    the clock never runs backwards and the pace is never exceeded, also over a rebuild
if sale('builder') ~= ARGV[1] then return 0 end
redis.call('HDEL', STATE, 'builder', 'builder_until')
redis.call('HSET', STATE, 'generation', ARGV[2], 'run_id', run_id(), 'clock', ARGV[3])
take_over_sale(5)
local interval = tonumber(sale('interval_ms')) * 1000
redis.call('HSET', STATE, 'next_claim', text(math.min(now(), tonumber(ARGV[4])) + interval))
publish({})
if sale('state') == 'closed' then
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 86400) end
end
return 1
