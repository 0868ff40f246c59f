-- Rows of quarantine have no key. A publication FOR ALL TABLES refuses to delete such rows without an identity.
ALTER TABLE quarantine REPLICA IDENTITY FULL;

-- A trigger function that anyone may execute runs as its owner in any trigger, also in one of a temporary table.
REVOKE ALL ON FUNCTION count_readings() FROM PUBLIC;

-- Adds to a counter and returns the count of the day. nextval is atomic and belongs to no transaction: readers of one
-- role do not wait for each other, and a rollback gives nothing back.
CREATE FUNCTION add_to_readings(counter text, readings bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    today constant bigint := (current_date - date '2000-01-01') * 10000000000::bigint;
    last  bigint := today;
BEGIN
    IF coalesce(pg_sequence_last_value(counter::regclass), 0) < today THEN
        PERFORM setval(counter::regclass, today);
    END IF;
    FOR i IN 1..readings LOOP
        last := nextval(counter::regclass);
    END LOOP;
    RETURN last - today;
END $$;
REVOKE ALL ON FUNCTION add_to_readings(text, bigint) FROM PUBLIC;

CREATE OR REPLACE FUNCTION recommendations_for(wanted :user_id_type)
RETURNS TABLE (rank smallint, item_id :item_id_type, title text, score real, source text, reason jsonb)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
    allowed reading_limits;
    used    reading_usage;
    listed  bigint;
BEGIN
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE read_only_sql_transaction USING
            MESSAGE = 'recommendations_for counts its calls, which a read-only transaction and a standby cannot do',
            HINT = 'call it in a read-write transaction on the primary';
    END IF;
    SELECT l.* INTO allowed FROM reading_limits l JOIN pg_roles r ON r.rolname = l.role
    WHERE pg_has_role(session_user, r.oid, 'member')
    ORDER BY l.role = session_user DESC, l.users_a_day LIMIT 1;
    IF NOT FOUND THEN
        RAISE insufficient_privilege USING
            MESSAGE = session_user || ' has no row in reading_limits, nor has a role that it is a member of',
            HINT = 'the owner of the schema can insert one: role, users_a_day, rows_a_day';
    END IF;
    SELECT u.* INTO used FROM reading_usage u WHERE u.role = allowed.role;
    SELECT count(*) INTO listed FROM recommendations l WHERE l.user_id = wanted;
    -- Asked before, so that a refused call does not count, and after, because others count at the same time.
    IF (CASE WHEN used.users_today + 1 > allowed.users_a_day OR used.rows_today + listed > allowed.rows_a_day THEN true
             ELSE add_to_readings('users_read_by_' || md5(allowed.role), 1) > allowed.users_a_day
                  OR add_to_readings('rows_read_by_' || md5(allowed.role), listed) > allowed.rows_a_day END) THEN
        RAISE configuration_limit_exceeded USING
            MESSAGE = allowed.role || ' has read ' || used.users_today || ' lists with ' || used.rows_today
                   || ' rows today and may read ' || allowed.users_a_day || ' and ' || allowed.rows_a_day,
            HINT = 'the count starts again at midnight (time zone ' || current_setting('TimeZone') || ')';
    END IF;
    RETURN QUERY SELECT l.rank, l.item_id, l.title, l.score, l.source, l.reason
                 FROM recommendations l WHERE l.user_id = wanted ORDER BY l.rank;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['recommendations_for(:user_id_type)', 'add_to_readings(text, bigint)'] LOOP
        EXECUTE 'ALTER FUNCTION ' || name || ' SET search_path = ' || quote_ident(current_schema()) || ', pg_temp';
        EXECUTE 'ALTER FUNCTION ' || name || ' SET timezone = ''UTC''';
    END LOOP;
END $$;
