-- Takes the right to build this queue from the journal, and deletes what may be left of the queue.
-- ARGV     builder (unique), patience (µs) after which a builder that died may be replaced
-- Returns  {'begun' | 'built' | 'busy', the time (µs), and for a queue that is built, the newest
--          revision of the sale that it has received and PostgreSQL's timeline}
if whole() then return {'built', '0', sale('revision'), sale('timeline') or '0'} end
local instant = now()
local builder_until = tonumber(sale('builder_until')) or 0
-- An instant further off than that can only come from a clock that was set back since.
if builder_until > instant + tonumber(ARGV[2]) then builder_until = 0 end
if sale('builder') and sale('builder') ~= ARGV[1] and instant < builder_until then return {'busy', '0', '0', '0'} end
redis.call('UNLINK', WAITING, INFLIGHT, LEAVING, HOLDERS, TICKS, STATE)
redis.call('HSET', STATE, 'builder', ARGV[1], 'builder_until', text(instant + tonumber(ARGV[2])), 'sizes', sizes())
return {'begun', text(instant), '0', '0'}
