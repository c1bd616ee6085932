-- Has the queue built anew: PostgreSQL does not know the build that gave a place.
-- ARGV     generation of that build
-- Returns  1, or 0 when it has been replaced already
if sale('generation') ~= ARGV[1] then return 0 end
redis.call('HDEL', STATE, 'generation')
return 1
