-- Lists waiting places in order of arrival.
-- ARGV     after this arrival ('-inf' for all); up to: 'settled', 'all', or the bound returned by
--          the previous call; time (µs) a join may take to be recorded; places at most
-- Returns  {'0', '0', '0', {}} if the queue is not whole | {generation, settled: joins up to this
--          arrival are recorded by now, bound: last arrival listed, {account, arrival, …}}
if not whole() then return {'0', '0', '0', {}} end
local after, bound, settled = ARGV[1], ARGV[2], text(now() - tonumber(ARGV[3]))
if bound == 'settled' then bound = settled elseif bound == 'all' then bound = sale('clock') or '0' end
local from = after == '-inf' and after or '(' .. after
return {sale('generation'), settled, bound, redis.call('ZRANGEBYSCORE', WAITING, from, bound, 'WITHSCORES', 'LIMIT', 0, ARGV[4])}
