-- Lists who waits, in order of arrival, as far as they joined some seconds ago: what they were given is on record by now.
-- ARGV     arrivals after this one ('-inf' for all), age (µs) that they have at least, how many at most
-- Returns  {'0', {}} when the queue is not whole | {generation, {account, arrival, …}}
if not whole() then return {'0', {}} end
local after, latest = ARGV[1], text(now() - tonumber(ARGV[2]))
if after ~= '-inf' then after = '(' .. after end
return {sale('generation'), redis.call('ZRANGEBYSCORE', WAITING, after, latest, 'WITHSCORES', 'LIMIT', 0, ARGV[3])}
