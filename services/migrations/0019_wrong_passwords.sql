-- From where an account was logged in to: a guess at its password from anywhere else counts against a budget that all of those
-- share. Networks of 24 bits, in IPv6 of 64.
CREATE TABLE account_networks (
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    network    cidr NOT NULL,
    -- By a log-in, to within a day.
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, network)
);
CREATE INDEX account_networks_seen_at ON account_networks (seen_at);
INSERT INTO account_networks (account_id, network, seen_at)
SELECT account_id, network, max(seen_at)
  FROM (SELECT account_id, seen_at,
               network(set_masklen(address::inet, CASE family(address::inet) WHEN 4 THEN 24 ELSE 64 END)) AS network
          FROM sessions WHERE address <> '') AS seen
 GROUP BY account_id, network;

-- Wrong passwords since an account's last log-in, and what its owner is told of those before it: a row an account, however many
-- try, and of where they were no more than how many places.
CREATE TABLE wrong_passwords (
    account_id     bigint PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    wrong          integer NOT NULL CHECK (wrong >= 0),
    -- A bit for each address, by its hash; many addresses share one.
    addresses      bit(4096) NOT NULL,
    last_at        timestamptz NOT NULL,
    told_wrong     integer NOT NULL DEFAULT 0 CHECK (told_wrong >= 0),
    told_addresses bit(4096) NOT NULL,
    -- Empty: there is nothing to be told.
    told_at        timestamptz
);
