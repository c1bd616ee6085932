-- Takes a place out of the queue after the journal has recorded that it was left.
-- ARGV     account, arrival
-- Returns  1 when the place was there
-- Keeps    only the place with that arrival goes: a newer one of the same account stays
local account, arrival = ARGV[1], ARGV[2]
for _, key in ipairs({WAITING, INFLIGHT}) do
  if redis.call('ZSCORE', key, account) == arrival then
    redis.call('ZREM', key, account)
    redis.call('ZADD', LEAVING, arrival, arrival)
    return 1
  end
end
return 0
