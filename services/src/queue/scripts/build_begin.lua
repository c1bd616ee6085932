-- Takes the right to build this queue from the journal, and clears what may be left of it.
-- ARGV     builder (unique), patience (µs) after which a builder that died may be replaced
-- Returns  {'begun' | 'built' | 'busy', the time (µs)}
if whole() then return {'built', '0'} end
local instant = now()
local builder_until = tonumber(sale('builder_until')) or 0
if sale('builder') and sale('builder') ~= ARGV[1] and instant < builder_until then return {'busy', '0'} end
redis.call('DEL', WAITING, INFLIGHT, LEAVING, HOLDERS, TICKS, STATE)
redis.call('HSET', STATE, 'builder', ARGV[1], 'builder_until', text(instant + tonumber(ARGV[2])))
return {'begun', text(instant)}
