-- A sale that began a minute ago is not in the statistics of the last ANALYZE. PostgreSQL takes a concert that they do not
-- name for one with hardly a row, finds its entries by whatever index is led by the concert, and goes through all of them
-- for each entry that it was to look up: 100 s for a comparison of 50,000. So each query is to have one way to be carried
-- out. This index, for what was written since, serves only who asks for `concert_id + 0`.
DROP INDEX queue_entries_written;
CREATE INDEX queue_entries_written ON queue_entries ((concert_id + 0), written_in);
