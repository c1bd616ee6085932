-- When an entry last changed, by PostgreSQL's clock: Redis is compared with what has changed since it was last compared.
ALTER TABLE queue_entries ADD COLUMN changed_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX queue_entries_changed ON queue_entries (concert_id, changed_at);

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER queue_entries_changed BEFORE UPDATE ON queue_entries FOR EACH ROW EXECUTE FUNCTION note_change();

-- A ticket that was given back changes nothing in its entry.
CREATE INDEX tickets_cancelled ON tickets (concert_id, cancelled_at) WHERE cancelled_at IS NOT NULL;
