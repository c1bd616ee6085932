-- Tickets that were revoked by the organiser or an admin: by whom, when and why. The ticket itself is cancelled as one that its
-- holder gives back, so that whatever counts live tickets knows of one column.
CREATE TABLE ticket_revocations (
    ticket_id  bigint PRIMARY KEY REFERENCES tickets ON DELETE CASCADE,
    -- Empty when the account is gone.
    revoked_by bigint REFERENCES accounts ON DELETE SET NULL,
    revoked_at timestamptz NOT NULL,
    -- One line, as it was typed.
    reason     text NOT NULL CONSTRAINT ticket_revocations_have_a_reason CHECK (reason ~ '\S')
);
CREATE INDEX ticket_revocations_revoked_by ON ticket_revocations (revoked_by);

-- What was to become of the tickets for concerts to come, when a person deleted the account. Empty: it was not deleted, or
-- before the question was asked.
ALTER TABLE accounts
    ADD COLUMN tickets_when_deleted text CHECK (tickets_when_deleted IN ('give_back', 'keep'));
