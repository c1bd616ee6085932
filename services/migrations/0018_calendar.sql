-- What calendars are told of a concert, so that an event that was added moves when it is added again: a number that rises
-- (SEQUENCE, RFC 5545, 3.8.7.4), and since when it has been so. `revision` and `updated_at` rise with every batch of tickets and
-- every change of the sale, of which no calendar says anything; these do with what it says and with nothing else.
ALTER TABLE concerts
    -- 1 for what there is already: it may have changed since it was added to calendars without a number, which counts as 0.
    ADD COLUMN calendar_sequence integer NOT NULL DEFAULT 1,
    -- None: as it was made.
    ADD COLUMN calendar_changed_at timestamptz;
ALTER TABLE concerts ALTER COLUMN calendar_sequence SET DEFAULT 0;

CREATE FUNCTION count_calendar_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.calendar_sequence := OLD.calendar_sequence + 1;
    NEW.calendar_changed_at := NEW.updated_at;
    RETURN NEW;
END $$;
CREATE TRIGGER concerts_calendar BEFORE UPDATE OF title, artist, venue, starts_at, ends_at, sale_opens_at ON concerts
    FOR EACH ROW
    WHEN ((OLD.title, OLD.artist, OLD.venue, OLD.starts_at, OLD.ends_at, OLD.sale_opens_at)
          IS DISTINCT FROM (NEW.title, NEW.artist, NEW.venue, NEW.starts_at, NEW.ends_at, NEW.sale_opens_at))
    EXECUTE FUNCTION count_calendar_change();
