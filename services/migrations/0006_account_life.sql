-- The life of an account: used, switched off by an admin, deleted by its owner, and purged of everything personal. A row is
-- never deleted, because tickets refer to it; a purged one has a name and an address that nobody can type.
ALTER TABLE accounts
    ADD COLUMN deactivated_at timestamptz,
    ADD COLUMN deleted_at     timestamptz,
    ADD COLUMN purged_at      timestamptz,
    ADD CONSTRAINT accounts_purged_are_deleted CHECK (purged_at IS NULL OR deleted_at IS NOT NULL);
CREATE INDEX accounts_created_at ON accounts (created_at);
CREATE INDEX accounts_deleted_at ON accounts (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
CREATE INDEX accounts_out_of_use ON accounts (id)
    WHERE (deactivated_at IS NOT NULL OR deleted_at IS NOT NULL) AND purged_at IS NULL;

-- A session that was ended is remembered until its refresh token would have expired, so that whoever still holds that token
-- can be told why it opens nothing.
ALTER TABLE sessions
    -- Where and when it was last seen, to within a minute.
    ADD COLUMN address  text NOT NULL DEFAULT '',
    ADD COLUMN seen_at  timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN ended_at timestamptz,
    ADD COLUMN ended_by text CHECK (ended_by IN ('log_out', 'elsewhere', 'reuse', 'password', 'deactivated', 'deleted')),
    ADD CONSTRAINT sessions_ended_for_a_reason CHECK ((ended_at IS NULL) = (ended_by IS NULL));
CREATE INDEX sessions_ended_at ON sessions (ended_at) WHERE ended_at IS NOT NULL;
-- Nobody looks a session up by this: refresh tokens name their session.
DROP INDEX sessions_previous_hash;

-- Which accounts were used on which day (in Korea).
CREATE TABLE active_days (
    day        date NOT NULL,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    PRIMARY KEY (day, account_id)
);
CREATE INDEX active_days_account_id ON active_days (account_id);

-- What admins have done to accounts. Roles are written by their names.
CREATE TABLE admin_actions (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL,
    -- Empty: the command line.
    admin_id   bigint REFERENCES accounts,
    account_id bigint NOT NULL REFERENCES accounts,
    action     text NOT NULL CHECK (action IN ('created', 'role_changed', 'deactivated', 'restored')),
    old_role   text CHECK (old_role IN ('user', 'organiser', 'admin')),
    new_role   text CHECK (new_role IN ('user', 'organiser', 'admin'))
);
CREATE INDEX admin_actions_account_id ON admin_actions (account_id);
CREATE INDEX admin_actions_admin_id ON admin_actions (admin_id);
