"""The customer's id types in chatrec's output tables: chosen by the first migration, the same ever after."""

from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError

from chatrec.errors import RunError, SettingsError

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


def user_id_of(engine: Engine, given: str) -> tuple[str, str]:
    """A user id that a person typed, as PostgreSQL writes it.

    Returns:
        The id, and its type.

    Raises:
        SettingsError: there are no tables yet.
        RunError: it cannot be an id of this database.
    """
    with engine.connect() as connection:
        kind = dict(tuple(row) for row in connection.execute(TYPES)).get("user_id")
        if kind is None:
            raise SettingsError("There are no tables yet: run `chatrec db migrate`, then `chatrec run`.")
        try:
            return str(connection.scalar(text(f"SELECT CAST(CAST(:given AS {kind}) AS text)"), {"given": given})), kind
        except DataError:
            raise RunError(f"{given!r} is no user id: ids here are of type {kind}.") from None
