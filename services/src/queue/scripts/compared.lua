-- Notes that the queue has just been compared with the journal as a whole: no other server need do
-- so for a while.
-- ARGV     none
-- Returns  1, or 0 when the queue is not whole (its build is a comparison)
if not whole() then return 0 end
redis.call('HSET', STATE, 'compared', text(now()))
return 1
