-- P5: `last_batch_at` is written a moment before the commit. Where that moment grows to more than 50 ms (issue.rs: COMMIT_LATE), because
-- a server slept before its COMMIT or its line stood still, the batch is as late as it is: or a queue that is built anew would
-- begin the next interval too early.
CREATE FUNCTION note_late_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE concerts SET last_batch_at = clock_timestamp()
     WHERE id = NEW.id AND last_batch_at < clock_timestamp() - interval '50 milliseconds';
    RETURN NULL;
END
$$;
-- Deferred: it runs with the COMMIT.
CREATE CONSTRAINT TRIGGER concerts_batch_in_time AFTER UPDATE ON concerts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.last_serial > OLD.last_serial) EXECUTE FUNCTION note_late_batch();
