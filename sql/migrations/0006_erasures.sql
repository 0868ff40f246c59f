-- That a person was erased, and what was removed; nothing that says who it was to whoever lacks the key.
CREATE TABLE erasures (
    erasure     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    person      text,
    removed     jsonb NOT NULL DEFAULT '{}',
    still_given jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN erasures.finished_at IS 'null: it was killed on the way and has to be done again';
COMMENT ON COLUMN erasures.person IS 'HMAC-SHA256 of the id under erasure.key, which is not in the database; null without a key';
COMMENT ON COLUMN erasures.removed IS 'rows by table and by kind of file, and how many files went as a whole';
COMMENT ON COLUMN erasures.still_given IS 'rows that the mapping SELECTs still gave: the next night reads them again';
