"""The search path of connections that read the customer's tables.

PostgreSQL's default path begins with a schema of the role's name. Where that is chatrec's own schema, `FROM items`
would read chatrec's view once the tables are there. Schemas of chatrec are searched last, so that a name in a mapping
SELECT means the same before and after `chatrec db migrate`.
"""

SET_PATH = """
SELECT set_config('search_path', coalesce(string_agg(quote_ident(schema), ', ' ORDER BY tables = 2, place), ''), true)
FROM (
    SELECT schema, place, (
        SELECT count(*) FROM pg_class
        WHERE relnamespace = quote_ident(schema)::regnamespace AND relname IN ('live_run', 'run_steps')
    ) AS tables
    FROM unnest(current_schemas(false)) WITH ORDINALITY AS searched (schema, place)
) AS schemas
"""
"""Statement that moves chatrec's schemas to the end of the path, until the transaction ends."""
