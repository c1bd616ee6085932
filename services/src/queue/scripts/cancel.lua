-- After a ticket was cancelled in PostgreSQL: its holder may join again, and the watchers learn of the ticket.
-- ARGV     account, sale's seven fields (prelude: take_over_sale)
-- Returns  1, or 0 when the queue is not built (what builds it will know)
if not built() then return 0 end
redis.call('SREM', HOLDERS, ARGV[1])
if take_over_sale(2) then publish({}) end
return sealed(1)
