-- Takes the right to build this queue from the journal, and clears what may be left of it.
-- ARGV     builder (unique), patience (µs) after which a builder that died may be replaced, '1' when a queue that is there
--          is going to be compared with the journal as a whole
-- Returns  {'begun' | 'built' | 'busy', the time (µs)}
local instant = now()
if whole() then
  if ARGV[3] == '1' then redis.call('HSET', STATE, 'compared', text(instant)) end
  return {'built', '0'}
end
local builder_until = tonumber(sale('builder_until')) or 0
if sale('builder') and sale('builder') ~= ARGV[1] and instant < builder_until then return {'busy', '0'} end
redis.call('DEL', WAITING, INFLIGHT, LEAVING, HOLDERS, TICKS, STATE)
redis.call('HSET', STATE, 'builder', ARGV[1], 'builder_until', text(instant + tonumber(ARGV[2])))
return {'begun', text(instant)}
