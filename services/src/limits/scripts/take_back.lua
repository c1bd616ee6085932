-- Takes back a guess that was never judged, unless others have come after it.
-- KEYS     as guess.lua
-- ARGV     which guess it was
-- Keeps    the delay that an earlier guess has earned was waited for before this one came, so none is owed after it
if redis.call('HGET', KEYS[1], 'wrong') ~= ARGV[1] then return end
redis.call('HSET', KEYS[1], 'wrong', ARGV[1] - 1, 'allowed', 0)
