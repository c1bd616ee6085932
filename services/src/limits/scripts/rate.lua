-- Lets more through, as many as may come, and says how long until the next one may: the generic cell rate algorithm (ATM Forum,
-- 1996). The key holds the instant at which all that was let through is worked off, one in each turn; who comes may be at most
-- `many` ahead of it.
-- KEYS     what is limited
-- ARGV     now (µs), how long a turn is (µs), how many at once, how many come now
-- Returns  how many are let through, how long the others have to wait (µs; 0 when there are none)
-- Keeps    at most `many` at once, and one more with every turn; who is refused does not count
local now, turn, many, come = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local free = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
-- Never longer than a limit of today allows: it may have been raised, or a clock set back.
free = math.min(free, now + many * turn)
local through = math.min(come, math.floor((now + many * turn - free) / turn))
if through > 0 then
  free = free + through * turn
  redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
end
if through == come then return {through, 0} end
return {through, free - (many - 1) * turn - now}
