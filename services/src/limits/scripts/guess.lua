-- Lets one more guess at a password through, and counts it as wrong before anybody has looked; or says how long until the next
-- one may come.
-- KEYS     hash: `wrong` guesses, when the next one is `allowed` (µs), when all of them are `forgotten` (µs)
-- ARGV     now (µs), how many are free, the first delay (µs), the longest (µs), how long they are remembered (µs)
-- Returns  {0, which guess this is} | {how long to wait (µs), 0}
-- Keeps    guesses in parallel are counted one by one; a guess that is refused changes nothing
local now, free, first, longest, memory = unpack(ARGV)
now, longest = tonumber(now), tonumber(longest)
local function text(number) return string.format('%.0f', number) end
local known = redis.call('HMGET', KEYS[1], 'wrong', 'allowed', 'forgotten')
local wrong, allowed, forgotten = tonumber(known[1]) or 0, tonumber(known[2]) or 0, tonumber(known[3]) or 0
if forgotten <= now then wrong, allowed = 0, 0 end
-- Never longer than the longest, also when a clock was set back.
local wait = math.min(allowed - now, longest)
if wait > 0 then return {wait, 0} end
wrong = wrong + 1
-- 0 while they are free: who asks at the same moment has an earlier `now` as often as a later one.
allowed = 0
if wrong > tonumber(free) then allowed = now + math.min(first * 2 ^ (wrong - free - 1), longest) end
redis.call('HSET', KEYS[1], 'wrong', wrong, 'allowed', text(allowed), 'forgotten', text(now + memory))
redis.call('PEXPIRE', KEYS[1], text(memory / 1000))
return {0, wrong}
