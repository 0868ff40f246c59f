"""The customer's id types in chatrec's output tables: chosen by the first migration, the same ever after."""

from sqlalchemy import Engine, text

from chatrec.errors import SettingsError

TYPES = text("""
    SELECT attname, format_type(atttypid, atttypmod)
    FROM pg_attribute
    WHERE attrelid = to_regclass('recommendations_by_run') AND attname IN ('user_id', 'item_id')
""")


def refuse_other_types(engine: Engine, user_id_type: str, item_id_type: str) -> None:
    """Compares the mapping with the tables.

    Raises:
        SettingsError: they differ; says how to go on.
    """
    with engine.connect() as connection:
        tables = {name: kind for name, kind in connection.execute(TYPES)}
    for name, mapped in (("user_id", user_id_type), ("item_id", item_id_type)):
        if name in tables and tables[name] != mapped:
            raise SettingsError(
                f"The tables were made for {name} of type {tables[name]}, and the mapping now gives {mapped}: cast it "
                "in the SELECTs of [source], or choose another database.schema_name and run `chatrec db migrate`."
            )
