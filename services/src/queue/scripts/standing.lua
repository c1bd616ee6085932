-- Reads where an account stands, as of the newest tick.
-- ARGV     account
-- Returns  {'unbuilt'} | {'built', generation, reading (prelude) …}
if not whole() then return {'unbuilt'} end
return {'built', sale('generation'), reading(ARGV[1])}
