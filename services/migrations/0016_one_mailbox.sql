-- Addresses with letters beyond ASCII: what `accounts::respell` looks through, of few among very many.
CREATE INDEX accounts_respelt ON accounts (id) WHERE octet_length(email) <> char_length(email);
