-- A draft has no sale yet: nobody steers it, and its clock counts from when it is published. One whose day had gone by was
-- closed for good, and stayed so on its new day.
UPDATE concerts SET state = 'open' WHERE draft AND state <> 'open';
ALTER TABLE concerts ADD CONSTRAINT concerts_draft_has_no_sale CHECK (state = 'open' OR NOT draft);
