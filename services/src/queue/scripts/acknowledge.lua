-- Ends a claim after PostgreSQL has committed it, and publishes the tick.
-- ARGV     claim, µs until the next claim ('' for a whole interval if anything was issued), the
--          sale's seven fields (prelude: take_over_sale), then account, arrival, outcome
--          ('issued' | 'dropped' | 'released') …
-- Returns  1, or 0 when the claim is not the one in flight (its lease ended and another server has
--          taken it over) or a part of the queue is lost (the next build reads the journal)
-- Keeps    what was released is back at the head with its old arrival; the next claim is a whole
--          interval after this commit
if not INTACT or sale('claim') ~= ARGV[1] then return 0 end
take_over_sale(3)
local issued = {}
for i = 10, #ARGV, 3 do
  local account, arrival, outcome = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local removed = redis.call('ZREM', INFLIGHT, account) == 1
  if outcome == 'issued' then
    redis.call('SADD', HOLDERS, account)
    if removed then issued[#issued + 1] = arrival end
  elseif removed and outcome == 'dropped' then
    redis.call('ZADD', LEAVING, arrival, arrival)
  elseif removed then
    redis.call('ZADD', WAITING, arrival, account)
  end
end
redis.call('HSET', STATE, 'claim', '0', 'lease_until', '0')
local pause = tonumber(ARGV[2]) or (#issued > 0 and tonumber(sale('interval_ms')) * 1000)
if pause then redis.call('HSET', STATE, 'next_claim', text(now() + pause)) end
if #issued > 0 then
  redis.call('HINCRBY', STATE, 'issued', #issued)
end
publish(issued)
return sealed(1)
