-- Removes a place from the queue after the journal has recorded the leave.
-- ARGV     account, arrival
-- Returns  1 when the place was there, else 0
-- Keeps    only the place with that arrival is removed: a newer one of the same account stays
if take_out(WAITING, ARGV[1], ARGV[2]) or take_out(INFLIGHT, ARGV[1], ARGV[2]) then return sealed(1) end
return 0
