-- Tells the queue at once what an organiser has changed.
-- ARGV     sale's seven fields (prelude: take_over_sale)
-- Returns  1, or 0 when the queue is not built (what builds it will know)
if not built() then return 0 end
-- When a sale opens or ends shows in no tick, and drivers sleep until then.
if take_over_sale(1) then publish({}) else wake() end
return sealed(1)
