-- A sale that began a minute ago is not in the statistics of the last ANALYZE. PostgreSQL takes a concert that they do not
-- name for one with hardly a row, finds its entries by whatever index is led by the concert, and goes through all of them
-- for each entry that it was to look up: 100 s for a comparison of 50,000. So there is one index that leads from a concert
-- to its entries, the primary key, and each query has one way to be carried out. This one, for what was written since,
-- serves only who asks for `concert_id + 0`.
DROP INDEX queue_entries_written;
CREATE INDEX queue_entries_written ON queue_entries ((concert_id + 0), written_in);
