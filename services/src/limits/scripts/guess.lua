-- Admits one more guess at a password, and counts it as wrong before the password is checked; or
-- returns the time until the next guess may be made.
-- KEYS     hash: `wrong` guesses, when the next one is `allowed` (µs), when all of them are
--          `forgotten` (µs)
-- ARGV     now (µs), guesses without a delay, the first delay (µs), the longest (µs), how long
--          guesses are remembered (µs)
-- Returns  {0, number of this guess} | {how long to wait (µs), 0}
-- Keeps    concurrent guesses are counted one by one; a refused guess changes nothing
local now, free, first, longest, memory = unpack(ARGV)
now, longest = tonumber(now), tonumber(longest)
local function text(number) return string.format('%.0f', number) end
local known = redis.call('HMGET', KEYS[1], 'wrong', 'allowed', 'forgotten')
local wrong, allowed, forgotten = tonumber(known[1]) or 0, tonumber(known[2]) or 0, tonumber(known[3]) or 0
if forgotten <= now then wrong, allowed = 0, 0 end
-- Never longer than the longest delay, also after a clock was set back.
local wait = math.min(allowed - now, longest)
if wait > 0 then return {wait, 0} end
wrong = wrong + 1
-- 0 while guesses are free: a concurrent guess has an earlier `now` as often as a later one.
allowed = 0
if wrong > tonumber(free) then allowed = now + math.min(first * 2 ^ (wrong - free - 1), longest) end
redis.call('HSET', KEYS[1], 'wrong', wrong, 'allowed', text(allowed), 'forgotten', text(now + memory))
redis.call('PEXPIRE', KEYS[1], text(memory / 1000))
return {0, wrong}
