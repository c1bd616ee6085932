-- A sale that began a minute ago is not in the statistics of the last ANALYZE. PostgreSQL takes a concert that they do not
-- name for one with hardly a row, and then joins its 50,000 entries with themselves, or goes through all of them for each
-- thousand. Without statistics it takes every concert for a 200th of the table, and does the right thing for all of them.
-- To the same type: this forgets what has been gathered so far.
ALTER TABLE queue_entries ALTER COLUMN concert_id TYPE bigint, ALTER COLUMN concert_id SET STATISTICS 0;
ALTER TABLE tickets ALTER COLUMN concert_id TYPE bigint, ALTER COLUMN concert_id SET STATISTICS 0;

-- The other way round, so that an entry is found by its primary key alone and never by going through its concert.
DROP INDEX queue_entries_written;
CREATE INDEX queue_entries_written ON queue_entries (written_in, concert_id);
