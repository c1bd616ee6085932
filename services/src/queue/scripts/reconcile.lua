-- Makes Redis agree with a part of the journal: loads it into a queue that is being built, or mends one that is whole.
-- ARGV     builder ('' for a queue that is whole), patience (µs), then account, arrival, standing ('waiting' | 'holds' a
--          ticket | 'gone') …
-- Returns  {'gone'} when somebody else builds by now or the queue is not whole | {'kept', account, arrival …} of who was put back
-- Keeps    nobody comes back into a sale that is closed, or beside a ticket; a place in flight is left to its claim, unless
--          it was given up; who is behind learns of a place that is put back or taken out
local building = ARGV[1] ~= ''
if building then
  if sale('builder') ~= ARGV[1] then return {'gone'} end
  redis.call('HSET', STATE, 'builder_until', text(now() + tonumber(ARGV[2])))
elseif not whole() then return {'gone'} end
local closed = sale('state') == 'closed'
local answer = {'kept'}

local function put_back(account, arrival)
  if closed or redis.call('ZSCORE', INFLIGHT, account) or redis.call('SISMEMBER', HOLDERS, account) == 1 then return end
  -- LT: an account that has a place keeps the older one.
  if redis.call('ZADD', WAITING, 'LT', 'CH', arrival, account) == 1 then
    answer[#answer + 1], answer[#answer + 2] = account, arrival
  end
end

for i = 3, #ARGV, 3 do
  local account, arrival, standing = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if standing == 'waiting' then put_back(account, arrival)
  elseif standing == 'holds' then
    redis.call('SADD', HOLDERS, account)
    take_out(WAITING, account, arrival)
  elseif not take_out(WAITING, account, arrival) then take_out(INFLIGHT, account, arrival) end
end
if building then return {'kept'} end
if #answer > 1 then publish_gap() end
return answer
