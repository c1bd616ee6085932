-- Reads the throughput of a queue for the organiser's dashboard. The cost does not depend on how
-- many wait.
-- ARGV     none
-- Returns  {'unbuilt', '0', '0', {}} | {'built', the time (µs), waiting,
--          {'until,over,joined,issued', …}}: the seconds that were noted, oldest first, and what
--          has happened since
if not built() then return {'unbuilt', '0', '0', {}} end
local instant = now()
local course = redis.call('LRANGE', COURSE, 0, -1)
course[#course + 1] = sample(instant) or nil
return {'built', text(instant), text(waiting()), course}
