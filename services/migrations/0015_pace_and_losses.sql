-- When the last batch of tickets was committed, by PostgreSQL's clock: the next one is not before a whole interval has passed,
-- whatever Redis's clock does meanwhile.
ALTER TABLE concerts ADD COLUMN last_batch_at timestamptz;

-- What a PostgreSQL that came back without its last commits has lost, as far as Redis still knew of it.
CREATE TABLE lost_commits (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noticed_at timestamptz NOT NULL,
    concert_id bigint NOT NULL REFERENCES concerts ON DELETE CASCADE,
    -- How many places were put back on record.
    places     integer NOT NULL CHECK (places >= 0),
    -- Who held a ticket, and has neither ticket nor place on record.
    holders    bigint[] NOT NULL
);
CREATE INDEX lost_commits_concert_id ON lost_commits (concert_id);
