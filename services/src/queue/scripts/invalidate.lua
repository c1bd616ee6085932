-- Has the queue built anew: PostgreSQL does not know this build, or knows a newer one.
-- ARGV     generation of that build
-- Returns  1, or 0 when it has already been replaced
if sale('generation') ~= ARGV[1] then return 0 end
redis.call('HDEL', STATE, 'generation')
return 1
