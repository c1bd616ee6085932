-- The public halves of the keys that tickets' codes were ever signed with. A printed ticket outlives a change of the secret:
-- what it was signed with stays here until somebody retires it.
CREATE TABLE ticket_keys (
    -- What a code names its key by.
    id         text PRIMARY KEY,
    -- Ed25519 (RFC 8032).
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    added_at   timestamptz NOT NULL DEFAULT now(),
    -- From then on what it signed is not ours any more. For a secret that has become known.
    retired_at timestamptz
);
