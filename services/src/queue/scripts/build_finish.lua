-- Opens a queue that has been built.
-- ARGV     builder, generation, PostgreSQL's timeline, clock (µs: the newest arrival or claim on
--          record), µs until the next batch, the sale's seven fields (prelude: take_over_sale)
-- Returns  1, or 0 when another builder has taken over, or a part of what was built is lost
-- Keeps    the clock never runs backwards and the pace is never exceeded, across builds as well
if not INTACT or sale('builder') ~= ARGV[1] then return 0 end
redis.call('HDEL', STATE, 'builder', 'builder_until')
redis.call('HSET', STATE, 'generation', ARGV[2], 'origin', origin(), 'timeline', ARGV[3], 'clock', ARGV[4], 'compared', text(now()))
take_over_sale(6)
redis.call('HSET', STATE, 'next_claim', text(now() + tonumber(ARGV[5])))
publish({})
if sale('state') == 'closed' then
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 86400) end
end
return sealed(1)
