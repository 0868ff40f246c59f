-- What has been told of people: a row for each release that lists were, or are yet to be, made from.
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
COMMENT ON COLUMN privacy_ledger.release IS 'the name of its file; it tells nothing of the data';
COMMENT ON COLUMN privacy_ledger.deviation IS 'of the noise, where nobody''s part has a norm above 1';
COMMENT ON COLUMN privacy_ledger.total_epsilon IS 'of this release and all before it, at the same delta';

-- What roles may read a day through recommendations_for. A role without a row may read nothing there.
CREATE TABLE reading_limits (
    role        name PRIMARY KEY,
    users_a_day integer NOT NULL CHECK (users_a_day > 0),
    rows_a_day  integer NOT NULL CHECK (rows_a_day > 0)
);

-- Counters are sequences, because what a sequence has counted stays counted when the reader rolls back. A value is
-- the day times 10^10, and the count of that day.
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

-- A user's list for a role that may not read the view. A list that is read again counts again: who read whom is not kept.
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
            HINT = 'who owns the schema inserts one: role, users_a_day, rows_a_day';
    END IF;
    -- One reader of a role after the other, so that none counts from what another is about to change.
    PERFORM pg_advisory_xact_lock(hashtextextended('chatrec reads ' || allowed.role, 0));
    SELECT u.* INTO used FROM reading_usage u WHERE u.role = allowed.role;
    SELECT count(*) INTO listed FROM recommendations l WHERE l.user_id = wanted;
    IF used.users_today + 1 > allowed.users_a_day OR used.rows_today + listed > allowed.rows_a_day THEN
        RAISE configuration_limit_exceeded USING
            MESSAGE = allowed.role || ' has read ' || used.users_today || ' lists with ' || used.rows_today
                   || ' rows today and may read ' || allowed.users_a_day || ' and ' || allowed.rows_a_day,
            HINT = 'the count begins anew at midnight (time zone ' || current_setting('TimeZone') || ')';
    END IF;
    PERFORM setval(('users_read_by_' || md5(allowed.role))::regclass, today + used.users_today + 1);
    PERFORM setval(('rows_read_by_' || md5(allowed.role))::regclass, today + used.rows_today + listed);
    RETURN QUERY SELECT l.rank, l.item_id, l.title, l.score, l.source, l.reason
                 FROM recommendations l WHERE l.user_id = wanted ORDER BY l.rank;
END $$;
REVOKE ALL ON FUNCTION recommendations_for(:user_id_type) FROM PUBLIC;

-- Whoever calls it, it sees these tables and no temporary ones of the same name; days are those of UTC.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['recommendations_for(:user_id_type)', 'read_today(text)', 'count_readings()'] LOOP
        EXECUTE 'ALTER FUNCTION ' || name || ' SET search_path = ' || quote_ident(current_schema()) || ', pg_temp';
        EXECUTE 'ALTER FUNCTION ' || name || ' SET timezone = ''UTC''';
    END LOOP;
END $$;
