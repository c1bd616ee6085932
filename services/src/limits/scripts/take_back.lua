-- Takes back a guess whose password was never checked, unless other guesses came after it.
-- KEYS     as guess.lua
-- ARGV     number of the guess
-- Keeps    the delay of an earlier guess had passed before this one came, so none remains after it
if redis.call('HGET', KEYS[1], 'wrong') ~= ARGV[1] then return end
redis.call('HSET', KEYS[1], 'wrong', ARGV[1] - 1, 'allowed', 0)
