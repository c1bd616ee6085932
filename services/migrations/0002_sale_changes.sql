-- What was changed about a sale, by whom and when: a row says one thing. Values are text as people of the database read it:
-- a state's name, a whole number, an instant in UTC (RFC 3339).
CREATE TABLE sale_changes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    concert_id bigint NOT NULL REFERENCES concerts,
    -- Empty when the account is gone.
    changed_by bigint REFERENCES accounts ON DELETE SET NULL,
    changed_at timestamptz NOT NULL,
    field      text NOT NULL
               CHECK (field IN ('state', 'capacity', 'batch_size', 'interval_ms', 'sale_opens_at', 'starts_at')),
    old_value  text NOT NULL,
    new_value  text NOT NULL,
    CHECK (old_value <> new_value)
);
-- Rows are written while the concert's row is locked, so within a concert a later change has a larger id, whatever the
-- clocks of the servers say.
CREATE INDEX sale_changes_newest ON sale_changes (concert_id, id DESC);
