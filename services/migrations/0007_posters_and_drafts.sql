-- Posters that organisers upload: each in several widths, as JPEG. In the database and not in a folder, because all servers
-- show them.
CREATE TABLE posters (
    concert_id bigint NOT NULL REFERENCES concerts ON DELETE CASCADE,
    -- Of the widest picture.
    hash       text NOT NULL CHECK (hash ~ '^[0-9a-f]{32}$'),
    width      integer NOT NULL CHECK (width > 0),
    jpeg       bytea NOT NULL,
    -- Since when the concert has another poster, or a drawn one. Purged an hour later: whoever has a page of before in hand
    -- still asks for it.
    retired_at timestamptz,
    PRIMARY KEY (concert_id, hash, width)
);
-- Nothing gets smaller by compressing it once more.
ALTER TABLE posters ALTER COLUMN jpeg SET STORAGE EXTERNAL;
CREATE INDEX posters_retired_at ON posters (retired_at) WHERE retired_at IS NOT NULL;

ALTER TABLE concerts
    -- Hash and widest width of the poster that is shown; empty: one is drawn.
    ADD COLUMN poster text CHECK (poster ~ '^[0-9a-f]{32}-[0-9]+$'),
    -- Seen by its organiser and by admins alone. Published is for good.
    ADD COLUMN draft boolean NOT NULL DEFAULT false;

ALTER TABLE sale_changes
    DROP CONSTRAINT sale_changes_field_check,
    ADD CONSTRAINT sale_changes_field_check CHECK (
        field IN ('state', 'capacity', 'batch_size', 'interval_ms', 'sale_opens_at', 'starts_at', 'published'));
