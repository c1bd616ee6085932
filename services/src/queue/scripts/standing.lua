-- Reads the standings of accounts, as of the newest tick.
-- ARGV     account …
-- Returns  UNBUILT | reading (prelude), with 'placed' or 'absent' for each account
if not whole() then return UNBUILT end
local people = {}
for i, account in ipairs(ARGV) do
  local arrival = place(account)
  people[3 * i - 2], people[3 * i - 1] = arrival and 'placed' or 'absent', arrival or ''
  people[3 * i] = arrival and text(rank(arrival)) or '0'
end
return reading(people)
