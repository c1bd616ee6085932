-- Lets one more through, or says how long until it may come: the generic cell rate algorithm (ATM Forum, 1996). The key holds
-- the instant at which all that was let through is worked off, one in each turn; who comes may be at most `many` ahead of it.
-- KEYS     what is limited
-- ARGV     now (µs), how long a turn is (µs), how many at once
-- Returns  0: let through | how long to wait (µs)
-- Keeps    at most `many` at once, and one more with every turn; who is refused does not count
local now, turn, many = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local free = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
-- Never longer than a limit of today allows: it may have been raised, or a clock set back.
free = math.min(free, now + many * turn)
local wait = free - (many - 1) * turn - now
if wait > 0 then return wait end
free = free + turn
redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
return 0
