-- Gives an account its place, or finds the one it has.
-- ARGV     account
-- Returns  {'unbuilt'} | {'joined' now or 'placed' before or 'holds' a ticket or 'closed' or 'early', generation, reading (prelude) …}
-- Keeps    one place per account; arrivals strictly increasing; nobody joins before the opening or after the end
if not whole() then return {'unbuilt'} end
local account, instant = ARGV[1], now()
local answer
if place(account) then answer = 'placed'
elseif redis.call('SISMEMBER', HOLDERS, account) == 1 then answer = 'holds'
elseif sale('state') == 'closed' or instant >= tonumber(sale('closes_at')) then answer = 'closed'
elseif instant < tonumber(sale('opens_at')) then answer = 'early'
else
  redis.call('ZADD', WAITING, 'NX', text(clock()), account)
  answer = 'joined'
end
return {answer, sale('generation'), reading(account)}
