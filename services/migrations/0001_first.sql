-- Accounts, concerts, queues and tickets: the record of truth.

CREATE TABLE accounts (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- Stored folded to lower case; uniqueness is this table's job, not the code's (P8).
    account_name  text NOT NULL CONSTRAINT accounts_account_name_key UNIQUE CHECK (account_name = lower(account_name)),
    email         text NOT NULL CONSTRAINT accounts_email_key UNIQUE CHECK (email = lower(email)),
    name          text NOT NULL,
    nickname      text NOT NULL,
    password_hash text NOT NULL,
    role          text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'organiser', 'admin')),
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- One row per session: the refresh token in use, as a hash, and the one before it for the moment in which several
-- requests of one browser present it at once.
CREATE TABLE sessions (
    sid             text PRIMARY KEY,
    account_id      bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    refresh_hash    bytea NOT NULL CONSTRAINT sessions_refresh_hash_key UNIQUE,
    previous_hash   bytea,
    rotated_at      timestamptz NOT NULL DEFAULT now(),
    device          text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL
);
CREATE INDEX sessions_account_id ON sessions (account_id);
CREATE INDEX sessions_previous_hash ON sessions (previous_hash) WHERE previous_hash IS NOT NULL;

CREATE TABLE concerts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title           text NOT NULL,
    artist          text NOT NULL,
    genre           text NOT NULL,
    venue           text NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL CHECK (ends_at > starts_at),
    running_minutes integer NOT NULL CHECK (running_minutes > 0),
    price_won       integer NOT NULL CHECK (price_won >= 0),
    description     text NOT NULL,
    capacity        integer NOT NULL CHECK (capacity > 0),
    sale_opens_at   timestamptz NOT NULL,
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paused', 'closed')),
    batch_size      integer NOT NULL CHECK (batch_size > 0),
    interval_ms     integer NOT NULL CHECK (interval_ms > 0),
    -- Live tickets, counted by a trigger on `tickets`.
    issued          integer NOT NULL DEFAULT 0,
    -- The newest serial number ever given.
    last_serial     integer NOT NULL DEFAULT 0,
    -- The newest claim that was carried out; an older one is stale and issues nothing.
    last_claim      bigint NOT NULL DEFAULT 0,
    -- Counts how often the queue was built in Redis. A place that was given by an older build is not recorded: it may have
    -- been lost with it.
    generation      bigint NOT NULL DEFAULT 0,
    -- Counts every change of this row, so that a server that knows an older state of the sale never overrules a newer one.
    revision        bigint NOT NULL DEFAULT 1,
    created_by      bigint REFERENCES accounts ON DELETE SET NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    -- P1, whatever the code does.
    CONSTRAINT concerts_never_oversold CHECK (issued BETWEEN 0 AND capacity)
);
CREATE INDEX concerts_sale_opens_at ON concerts (sale_opens_at);

CREATE FUNCTION count_revision() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER concerts_revised BEFORE UPDATE ON concerts FOR EACH ROW EXECUTE FUNCTION count_revision();

-- The journal: every place that was ever given, and what became of it.
CREATE TABLE queue_entries (
    concert_id  bigint NOT NULL REFERENCES concerts,
    arrival     bigint NOT NULL,
    account_id  bigint NOT NULL REFERENCES accounts,
    joined_rank bigint NOT NULL,
    state       text NOT NULL CHECK (state IN ('waiting', 'issued', 'left', 'expired')),
    PRIMARY KEY (concert_id, arrival)
);
-- P2: one place.
CREATE UNIQUE INDEX queue_entries_one_place ON queue_entries (concert_id, account_id) WHERE state = 'waiting';
CREATE INDEX queue_entries_account ON queue_entries (account_id, concert_id, arrival DESC);

CREATE TABLE tickets (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    concert_id   bigint NOT NULL REFERENCES concerts,
    account_id   bigint NOT NULL REFERENCES accounts,
    arrival      bigint NOT NULL,
    serial       integer NOT NULL CHECK (serial > 0),
    code         text NOT NULL CONSTRAINT tickets_code_key UNIQUE,
    issued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    cancelled_at timestamptz,
    CONSTRAINT tickets_serial_key UNIQUE (concert_id, serial),
    CONSTRAINT tickets_arrival_key UNIQUE (concert_id, arrival)
);
-- P2: one live ticket.
CREATE UNIQUE INDEX tickets_one_live ON tickets (concert_id, account_id) WHERE cancelled_at IS NULL;
CREATE INDEX tickets_account ON tickets (account_id, issued_at DESC);

-- Keeps concerts.issued equal to the number of live tickets, in the statement that changes it, so that the constraint
-- concerts_never_oversold speaks of tickets and not of what some code wrote into a counter.
CREATE FUNCTION count_live_tickets() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE concerts
       SET issued = issued + change.live
      FROM (SELECT concert_id, sum(live)::int AS live
              FROM (SELECT concert_id, 1 AS live FROM added WHERE cancelled_at IS NULL
                    UNION ALL
                    SELECT concert_id, -1 FROM removed WHERE cancelled_at IS NULL) AS one
             GROUP BY concert_id) AS change
     WHERE concerts.id = change.concert_id AND change.live <> 0;
    RETURN NULL;
END $$;

CREATE FUNCTION count_live_tickets_added() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE concerts
       SET issued = issued + change.live
      FROM (SELECT concert_id, count(*)::int AS live FROM added WHERE cancelled_at IS NULL GROUP BY concert_id) AS change
     WHERE concerts.id = change.concert_id;
    RETURN NULL;
END $$;

CREATE FUNCTION count_live_tickets_removed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE concerts
       SET issued = issued - change.live
      FROM (SELECT concert_id, count(*)::int AS live FROM removed WHERE cancelled_at IS NULL GROUP BY concert_id) AS change
     WHERE concerts.id = change.concert_id;
    RETURN NULL;
END $$;

CREATE TRIGGER tickets_added AFTER INSERT ON tickets
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_live_tickets_added();
CREATE TRIGGER tickets_changed AFTER UPDATE ON tickets
    REFERENCING OLD TABLE AS removed NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_live_tickets();
CREATE TRIGGER tickets_removed AFTER DELETE ON tickets
    REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION count_live_tickets_removed();
