-- Puts back one place that the journal knows and Redis does not, or corrects its arrival to the older one on record.
-- ARGV     account, arrival
-- Returns  1 when something was put back or corrected
-- Keeps    nobody comes back into a queue that is closed, or beside a ticket; who is behind learns of it
if not built() or sale('state') == 'closed' or redis.call('SISMEMBER', HOLDERS, ARGV[1]) == 1 then return 0 end
if redis.call('ZSCORE', INFLIGHT, ARGV[1]) then return 0 end
local changed = redis.call('ZADD', WAITING, 'LT', 'CH', ARGV[2], ARGV[1])
if changed == 1 then publish_gap() end
return changed
