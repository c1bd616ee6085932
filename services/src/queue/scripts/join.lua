-- Gives accounts their places, in this order, or returns the places that they have.
-- ARGV     the time by PostgreSQL's clock (µs), account …
-- Returns  UNBUILT | reading (prelude), with one word for each account: 'joined' (now), 'placed'
--          (before), 'holds' (a ticket), 'closed' or 'early'
-- Keeps    one place per account; arrivals strictly increasing; no join before the opening or after
--          the end; drivers that sleep because no place waits are woken
if not whole() then return UNBUILT end
local wall, arrival, last = tonumber(ARGV[1]), clock(#ARGV - 1), waiting()
local closed = sale('state') == 'closed' or wall >= tonumber(sale('closes_at'))
local early = wall < tonumber(sale('opens_at'))
local alone = redis.call('EXISTS', WAITING) == 0
local people, joined = {}, 0
local function say(...)
  for _, value in ipairs({...}) do people[#people + 1] = value end
end
for i = 2, #ARGV do
  local account = ARGV[i]
  local before = place(account)
  if before then say('placed', before, text(rank(before)))
  elseif redis.call('SISMEMBER', HOLDERS, account) == 1 then say('holds', '', '0')
  elseif closed then say('closed', '', '0')
  elseif early then say('early', '', '0')
  else
    redis.call('ZADD', WAITING, 'NX', text(arrival), account)
    -- Behind all places that are there, and those that have left since the newest tick.
    last = last + 1
    joined = joined + 1
    say('joined', text(arrival), text(last))
    arrival = arrival + 1
  end
end
if joined > 0 then
  -- Drivers know when the places that already wait are due. They have to hear of the first place
  -- that waits, and of the first join to be counted since the last note.
  if redis.call('HINCRBY', STATE, 'joined', joined) == joined or alone then wake() end
end
return sealed(reading(people))
