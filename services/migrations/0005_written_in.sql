-- In which transaction a row was last written. Redis is compared with what was written since it was last compared, and a
-- time cannot say that: a commit may come long after the time that is written on its rows. Transactions can: whatever was
-- written before the oldest one under way is there to be read.
DROP TRIGGER queue_entries_changed ON queue_entries;
DROP FUNCTION note_change;
DROP INDEX queue_entries_changed;
DROP INDEX tickets_cancelled;
ALTER TABLE queue_entries
    DROP COLUMN changed_at,
    ADD COLUMN written_in bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
ALTER TABLE tickets ADD COLUMN written_in bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint;
CREATE INDEX queue_entries_written ON queue_entries (concert_id, written_in);
-- A ticket that was given back changes nothing in its entry.
CREATE INDEX tickets_cancelled ON tickets (concert_id, written_in) WHERE cancelled_at IS NOT NULL;

CREATE FUNCTION note_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.written_in := pg_current_xact_id()::text::bigint;
    RETURN NEW;
END $$;
CREATE TRIGGER queue_entries_written BEFORE UPDATE ON queue_entries FOR EACH ROW EXECUTE FUNCTION note_transaction();
CREATE TRIGGER tickets_written BEFORE UPDATE ON tickets FOR EACH ROW EXECUTE FUNCTION note_transaction();
