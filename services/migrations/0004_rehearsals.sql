-- Rehearsals: a copy of a concert, and accounts that exist for that copy alone. Both are deleted when the rehearsal ends.
ALTER TABLE concerts ADD COLUMN rehearsal_of bigint REFERENCES concerts;
ALTER TABLE accounts ADD COLUMN rehearsal_id bigint REFERENCES concerts;
CREATE INDEX concerts_rehearsal_of ON concerts (rehearsal_of) WHERE rehearsal_of IS NOT NULL;
CREATE INDEX accounts_rehearsal_id ON accounts (rehearsal_id) WHERE rehearsal_id IS NOT NULL;
-- Each of the thousands of accounts that are deleted with a rehearsal is looked for in whatever refers to accounts.
CREATE INDEX concerts_created_by ON concerts (created_by);
CREATE INDEX sale_changes_changed_by ON sale_changes (changed_by);
