-- Lists who waits, in order of arrival.
-- ARGV     arrivals after this one ('-inf' for all), for how long (µs) a place may not be on record yet, how many at most,
--          'settled' to leave those out or 'all'
-- Returns  {'0', '0', {}} when the queue is not whole | {generation, up to which arrival places are on record by now, {account, arrival, …}}
if not whole() then return {'0', '0', {}} end
local after, settled = ARGV[1], text(now() - tonumber(ARGV[2]))
if after ~= '-inf' then after = '(' .. after end
local latest = ARGV[4] == 'all' and '+inf' or settled
return {sale('generation'), settled, redis.call('ZRANGEBYSCORE', WAITING, after, latest, 'WITHSCORES', 'LIMIT', 0, ARGV[3])}
