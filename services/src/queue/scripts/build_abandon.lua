-- Gives up the right to build after an error, so that the next builder need not wait for the
-- patience to end.
-- ARGV     builder
-- Returns  1, or 0 when another builder has taken over
if sale('builder') ~= ARGV[1] then return 0 end
redis.call('UNLINK', WAITING, INFLIGHT, LEAVING, HOLDERS, TICKS, STATE)
return 1
