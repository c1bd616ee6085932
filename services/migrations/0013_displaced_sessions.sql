-- An account has a bounded number of open sessions: the newest one takes the place of the one that was not used for longest.
ALTER TABLE sessions
    DROP CONSTRAINT sessions_ended_by_check,
    ADD CONSTRAINT sessions_ended_by_check
        CHECK (ended_by IN ('log_out', 'elsewhere', 'reuse', 'password', 'deactivated', 'deleted', 'displaced'));
