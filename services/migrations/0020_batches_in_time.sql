-- P5: a batch is committed at the instant that is written on it, or no more than 50 ms after (issue.rs: COMMIT_LATE). A COMMIT that
-- comes later, because its server slept or its line stood still, is undone: nobody would know how late it was, and a queue that
-- is built anew would begin the next interval too early.
CREATE FUNCTION refuse_late_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM concerts WHERE id = NEW.id AND last_batch_at < clock_timestamp() - interval '50 milliseconds') THEN
        RAISE EXCEPTION 'the batch was to be committed by now' USING ERRCODE = 'FR001';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER concerts_batch_in_time AFTER UPDATE ON concerts DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.last_serial > OLD.last_serial) EXECUTE FUNCTION refuse_late_batch();
