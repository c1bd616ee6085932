-- Lets through as many requests as the limit allows, and returns the time until the next one: the
-- generic cell rate algorithm (ATM Forum, 1996). The key holds the instant at which all requests
-- let through are worked off, one per turn; it may be at most `many` turns ahead of now.
-- KEYS     what is limited
-- ARGV     now (µs), length of a turn (µs), how many at once, how many come now
-- Returns  how many are let through, how long the others have to wait (µs; 0 if there are none)
-- Keeps    at most `many` at once, and one more with every turn; refused requests do not count
local now, turn, many, come = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local free = math.max(tonumber(redis.call('GET', KEYS[1])) or now, now)
-- Never further ahead than today's limit allows: the limit may have been raised, or a clock set
-- back.
free = math.min(free, now + many * turn)
local through = math.min(come, math.floor((now + many * turn - free) / turn))
if through > 0 then
  free = free + through * turn
  redis.call('SET', KEYS[1], string.format('%.0f', free), 'PX', math.ceil((free - now) / 1000))
end
if through == come then return {through, 0} end
return {through, free - (many - 1) * turn - now}
