-- Two roles without a login, to be granted to yours: GRANT chatrec_reader TO website;
-- The reader sees what is published and how the nights went; the writer owns the schema and runs the nights.
-- `chatrec db roles` runs this as somebody who may create roles; running it again changes nothing.
DO $$
DECLARE
    thing record;
BEGIN
    IF to_regrole(':schema_reader') IS NULL THEN
        CREATE ROLE :schema_reader NOLOGIN;
    END IF;
    IF to_regrole(':schema_writer') IS NULL THEN
        CREATE ROLE :schema_writer NOLOGIN;
    END IF;
    -- Attaching and detaching partitions needs the owner.
    ALTER SCHEMA :schema OWNER TO :schema_writer;
    FOR thing IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = ':schema'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO :schema_writer', thing.name);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA :schema TO :schema_reader;
GRANT SELECT ON recommendations, recommendations_kept, items, groups, item_groups, user_groups, blurbs,
                similar_items, popular, trending, query_recommendations,
                runs, run_steps, run_checks, run_metrics, live_run TO :schema_reader;
