-- Runs after a ticket was cancelled in PostgreSQL: its holder may join again, and the watchers see
-- the new stock.
-- ARGV     account, the sale's seven fields (prelude: take_over_sale)
-- Returns  1, or 0 when the queue is not built (its build reads the cancellation)
if not built() then return 0 end
redis.call('SREM', HOLDERS, ARGV[1])
if take_over_sale(2) then publish({}) end
return sealed(1)
