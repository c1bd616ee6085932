-- Puts back one place that the journal knows and Redis does not, or corrects its arrival to the older one on record.
-- ARGV     account, arrival
-- Returns  1 when something was put back or corrected
if not built() or redis.call('SISMEMBER', HOLDERS, ARGV[1]) == 1 then return 0 end
if redis.call('ZSCORE', INFLIGHT, ARGV[1]) then return 0 end
return redis.call('ZADD', WAITING, 'LT', 'CH', ARGV[2], ARGV[1])
