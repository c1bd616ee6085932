-- Empties the queue of a sale that is over, before the journal records that its entries expired: if
-- that fails, the journal still says "waiting", and the expiry is repeated.
-- ARGV     the sale's seven fields (prelude: take_over_sale)
-- Returns  1, or 0 when the queue is not built or the sale is not over
if not built() then return 0 end
local changed = take_over_sale(1)
if sale('state') ~= 'closed' then return 0 end
local emptied = redis.call('UNLINK', WAITING, INFLIGHT, LEAVING) > 0
redis.call('HSET', STATE, 'claim', '0', 'lease_until', '0')
if changed or emptied then publish_gap() end
-- Nothing more happens here; if the queue is looked at later, it is built again.
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 86400) end
return sealed(1)
