-- Reads where an account stands, as of the newest tick.
-- ARGV     account
-- Returns  {'unbuilt'} | {'built', reading (prelude) …}
if not built() then return {'unbuilt'} end
return {'built', reading(ARGV[1])}
