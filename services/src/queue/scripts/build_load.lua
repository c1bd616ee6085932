-- Loads a part of the journal into a queue that is being built.
-- ARGV     builder, patience (µs), 'waiting' or 'holders', then account, arrival … or account …
-- Returns  1, or 0 when somebody else builds by now
if sale('builder') ~= ARGV[1] then return 0 end
redis.call('HSET', STATE, 'builder_until', text(now() + tonumber(ARGV[2])))
if ARGV[3] == 'waiting' then
  for i = 4, #ARGV, 2 do redis.call('ZADD', WAITING, ARGV[i + 1], ARGV[i]) end
else
  for i = 4, #ARGV do redis.call('SADD', HOLDERS, ARGV[i]) end
end
return 1
