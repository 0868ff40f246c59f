-- Three roles without a login, to be granted to your own roles: GRANT chatrec_reader TO website;
-- The reader may select the outputs and the records of runs. The writer owns the schema and performs runs. The limited
-- role may only call recommendations_for(user), as often per day as its row of reading_limits allows.
-- `chatrec db roles` executes this file; the user needs the right to create roles. Repeated calls change nothing.
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
    IF to_regrole(':schema_limited') IS NULL THEN
        CREATE ROLE :schema_limited NOLOGIN;
    END IF;
    -- Attaching and detaching partitions needs the owner. Who owned them before stays able to; who makes the writer has
    -- to be in it.
    FOR thing IN
        SELECT DISTINCT o.rolname AS name FROM pg_roles o
        WHERE NOT o.rolsuper AND o.rolname <> ':schema_writer' AND NOT pg_has_role(o.oid, ':schema_writer', 'USAGE')
          AND (o.rolname = current_user OR o.oid = (SELECT nspowner FROM pg_namespace WHERE nspname = ':schema')
               OR o.oid IN (SELECT relowner FROM pg_class WHERE relnamespace = ':schema'::regnamespace AND relkind = 'p'))
    LOOP
        EXECUTE format('GRANT :schema_writer TO %I', thing.name);
    END LOOP;
    ALTER SCHEMA :schema OWNER TO :schema_writer;
    FOR thing IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = ':schema'::regnamespace AND c.relkind IN ('r', 'p', 'v')
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO :schema_writer', thing.name);
    END LOOP;
    FOR thing IN
        SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = ':schema'::regnamespace
    LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO :schema_writer', thing.name);
    END LOOP;
    FOR thing IN
        SELECT c.oid::regclass AS name FROM pg_class c
        WHERE c.relnamespace = ':schema'::regnamespace AND c.relkind = 'S' AND c.relname LIKE '%\_read\_by\_%'
    LOOP
        EXECUTE format('ALTER SEQUENCE %s OWNER TO :schema_writer', thing.name);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA :schema TO :schema_reader;
GRANT SELECT ON recommendations, recommendations_kept, items, groups, item_groups, user_groups, blurbs,
                similar_items, popular, trending, query_recommendations,
                exposure, metric_by_attribute,
                runs, run_steps, run_checks, run_metrics, live_run TO :schema_reader;
GRANT SELECT ON user_groups_kept, quarantine_counts TO :schema_reader; -- also for the pages in Airflow

GRANT USAGE ON SCHEMA :schema TO :schema_limited;
GRANT EXECUTE ON FUNCTION recommendations_for TO :schema_limited;
INSERT INTO reading_limits VALUES (':schema_limited', 1000, 100000) ON CONFLICT DO NOTHING;
