-- Finding concerts. What a search looks at is one text of each concert, kept by PostgreSQL itself, so that it is true whoever
-- writes a concert and however.

-- A text as it is searched: without accents and case, wide and narrow letters alike, Korean composed, every run of white
-- space one space, and none beside Korean, which is written with and without them ("강가의 밤" is found by "강가의밤").
-- `services/src/concerts/search.rs` does the same to what people type; a test compares the two.
-- Deliberately without lower(): what that does depends on the locale with which the database was made.
CREATE FUNCTION searched(raw text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT btrim(
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    normalize(
                        translate(
                            regexp_replace(normalize(raw, NFKD), '[\u0300-\u036f]', '', 'g'),
                            'ABCDEFGHIJKLMNOPQRSTUVWXYZØøŁłĐđÆŒÞÐĦŊẞΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯЄІҐ‘’“”–—',
                            'abcdefghijklmnopqrstuvwxyzoollddæœþðħŋßαβγδεζηθικλμνξοπρστυφχψωσабвгдежзиклмнопрстуфхцчшщъыьэюяєіґ''''""--'
                        ),
                        NFC
                    ),
                    '[\u0001-\u0020\u007f-\u009f\u2028\u2029]+', ' ', 'g'
                ),
                '([ᄀ-ᇿ가-힣]) ', '\1', 'g'
            ),
            ' ([ᄀ-ᇿ가-힣])', '\1', 'g'
        ),
        ' '
    )
$$;

-- By code points, whatever the database's locale. Parts are set off by a line break, which no search contains.
ALTER TABLE concerts ADD COLUMN search_text text COLLATE "C" NOT NULL DEFAULT '';
UPDATE concerts SET search_text = searched(title) || E'\n' || searched(artist) || E'\n' || searched(venue);

-- A trigger of these columns and not a generated column: that one would be computed with every batch of tickets, because
-- `concerts_revised` runs before every update.
CREATE FUNCTION keep_search_text() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.search_text := searched(NEW.title) || E'\n' || searched(NEW.artist) || E'\n' || searched(NEW.venue);
    RETURN NEW;
END $$;
CREATE TRIGGER concerts_searched BEFORE INSERT OR UPDATE OF title, artist, venue, search_text ON concerts
    FOR EACH ROW EXECUTE FUNCTION keep_search_text();

-- What is still to come, without reading all that ever was.
CREATE INDEX concerts_starts_at ON concerts (starts_at) WHERE rehearsal_of IS NULL;
