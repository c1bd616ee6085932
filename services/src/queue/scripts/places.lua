-- Lists who waits, in order of arrival.
-- ARGV     arrivals after this one ('-inf' for all), and up to which: 'settled', 'all' there are, or the bound of the call before;
--          for how long (µs) a place may not be on record yet, how many at most
-- Returns  {'0', '0', '0', {}} when the queue is not whole | {generation, settled: places up to here are on record by now, bound: the
--          last arrival that is meant, {account, arrival, …}}
if not whole() then return {'0', '0', '0', {}} end
local after, bound, settled = ARGV[1], ARGV[2], text(now() - tonumber(ARGV[3]))
if bound == 'settled' then bound = settled elseif bound == 'all' then bound = sale('clock') or '0' end
local from = after == '-inf' and after or '(' .. after
return {sale('generation'), settled, bound, redis.call('ZRANGEBYSCORE', WAITING, from, bound, 'WITHSCORES', 'LIMIT', 0, ARGV[4])}
