-- Hands what an organiser has changed to the queue at once.
-- ARGV     the sale's seven fields (prelude: take_over_sale)
-- Returns  1, or 0 when the queue is not built (its build reads the sale)
if not built() then return 0 end
-- The opening and the end of a sale show in no tick, and drivers sleep until then.
if take_over_sale(1) then publish({}) else wake() end
return sealed(1)
