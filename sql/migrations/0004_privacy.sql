-- The privacy ledger: a row per release, written before the release is used.
CREATE TABLE privacy_ledger (
    release       text PRIMARY KEY,
    run           integer NOT NULL REFERENCES runs,
    made_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    epsilon       double precision NOT NULL,
    delta         double precision NOT NULL,
    mechanism     text NOT NULL,
    deviation     double precision NOT NULL,
    total_epsilon double precision NOT NULL
);
COMMENT ON COLUMN privacy_ledger.release IS 'name of its file, which does not depend on the data';
COMMENT ON COLUMN privacy_ledger.deviation IS 'standard deviation of the noise; a user contributes a norm of at most 1';
COMMENT ON COLUMN privacy_ledger.total_epsilon IS 'cumulative epsilon up to this release, at the same delta';

-- Daily limits of roles that read through recommendations_for. A role without a row may not read.
CREATE TABLE reading_limits (
    role        name PRIMARY KEY,
    users_a_day integer NOT NULL CHECK (users_a_day > 0),
    rows_a_day  integer NOT NULL CHECK (rows_a_day > 0)
);

-- Counters are sequences, because a sequence keeps its value when the reader rolls back. A value is the day times 10^10
-- plus the count of that day.
CREATE FUNCTION count_readings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    EXECUTE 'CREATE SEQUENCE IF NOT EXISTS ' || quote_ident('users_read_by_' || md5(NEW.role));
    EXECUTE 'CREATE SEQUENCE IF NOT EXISTS ' || quote_ident('rows_read_by_' || md5(NEW.role));
    RETURN NEW;
END $$;

CREATE TRIGGER count_readings BEFORE INSERT OR UPDATE OF role ON reading_limits
FOR EACH ROW EXECUTE FUNCTION count_readings();

CREATE FUNCTION read_today(counter text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT greatest(
        coalesce(pg_sequence_last_value(counter::regclass), 0) - (current_date - date '2000-01-01') * 10000000000::bigint,
        0)
$$;

CREATE VIEW reading_usage AS
SELECT role, read_today('users_read_by_' || md5(role)) AS users_today, users_a_day,
       read_today('rows_read_by_' || md5(role)) AS rows_today, rows_a_day
FROM reading_limits;

-- The list of a user, for a role that may not read the view. Reading a list again counts again, because it is not
-- recorded who read which list.
CREATE FUNCTION recommendations_for(wanted :user_id_type)
RETURNS TABLE (rank smallint, item_id :item_id_type, title text, score real, source text, reason jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    allowed reading_limits;
    used    reading_usage;
    listed  bigint;
    today   constant bigint := (current_date - date '2000-01-01') * 10000000000::bigint;
BEGIN
    SELECT l.* INTO allowed FROM reading_limits l JOIN pg_roles r ON r.rolname = l.role
    WHERE pg_has_role(session_user, r.oid, 'member')
    ORDER BY l.role = session_user DESC, l.users_a_day LIMIT 1;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = session_user || ' has no row in reading_limits, nor has a role that it is a member of',
            HINT = 'the owner of the schema can insert one: role, users_a_day, rows_a_day';
    END IF;
    -- One reader per role at a time, so that counts are not lost.
    PERFORM pg_advisory_xact_lock(hashtextextended('chatrec reads ' || allowed.role, 0));
    SELECT u.* INTO used FROM reading_usage u WHERE u.role = allowed.role;
    SELECT count(*) INTO listed FROM recommendations l WHERE l.user_id = wanted;
    IF used.users_today + 1 > allowed.users_a_day OR used.rows_today + listed > allowed.rows_a_day THEN
        RAISE configuration_limit_exceeded USING
            MESSAGE = allowed.role || ' has read ' || used.users_today || ' lists with ' || used.rows_today
                   || ' rows today and may read ' || allowed.users_a_day || ' and ' || allowed.rows_a_day,
            HINT = 'the count starts again at midnight (time zone ' || current_setting('TimeZone') || ')';
    END IF;
    PERFORM setval(('users_read_by_' || md5(allowed.role))::regclass, today + used.users_today + 1);
    PERFORM setval(('rows_read_by_' || md5(allowed.role))::regclass, today + used.rows_today + listed);
    RETURN QUERY SELECT l.rank, l.item_id, l.title, l.score, l.source, l.reason
                 FROM recommendations l WHERE l.user_id = wanted ORDER BY l.rank;
END $$;
REVOKE ALL ON FUNCTION recommendations_for(:user_id_type) FROM PUBLIC;

-- The functions see these tables whoever calls them, and no temporary ones of the same name; days are in UTC.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['recommendations_for(:user_id_type)', 'read_today(text)', 'count_readings()'] LOOP
        EXECUTE 'ALTER FUNCTION ' || name || ' SET search_path = ' || quote_ident(current_schema()) || ', pg_temp';
        EXECUTE 'ALTER FUNCTION ' || name || ' SET timezone = ''UTC''';
    END LOOP;
END $$;

-- Erasures of users: time and number of removed rows. Without the key a row does not identify the user.
CREATE TABLE erasures (
    erasure     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    user_hash   text,
    removed     jsonb NOT NULL DEFAULT '{}',
    still_given jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON COLUMN erasures.finished_at IS 'null: the erasure was interrupted and has to be repeated';
COMMENT ON COLUMN erasures.user_hash IS 'HMAC-SHA256 of the user id under erasure.key, which is not stored here; null without it';
COMMENT ON COLUMN erasures.removed IS 'rows by table and by kind of file, and the number of removed files';
COMMENT ON COLUMN erasures.still_given IS 'rows that the mapping SELECTs still returned; the next run reads them again';
