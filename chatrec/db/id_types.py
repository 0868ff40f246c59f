"""Id types of chatrec's output tables, set by the first migration and fixed from then on."""

from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError

from chatrec.errors import RunError, SettingsError

TYPES = text("""
    SELECT attname, format_type(atttypid, atttypmod)
    FROM pg_attribute
    WHERE attrelid = to_regclass('recommendations_by_run') AND attname IN ('user_id', 'item_id')
""")


def refuse_other_types(engine: Engine, user_id_type: str, item_id_type: str) -> None:
    """Compare the id types of the mapping with those of the tables.

    Raises:
        SettingsError: If they differ. Names the remedy.
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
    """Normalise a user id to the form that PostgreSQL writes.

    Returns:
        The id and its type.

    Raises:
        SettingsError: If there are no tables yet.
        RunError: If the id is not valid for the type of user_id.
    """
    with engine.connect() as connection:
        kind = dict(tuple(row) for row in connection.execute(TYPES)).get("user_id")
        if kind is None:
            raise SettingsError("There are no tables yet: run `chatrec db migrate`, then `chatrec run`.")
        try:
            return str(connection.scalar(text(f"SELECT CAST(CAST(:given AS {kind}) AS text)"), {"given": given})), kind
        except DataError:
            raise RunError(f"Invalid user id {given!r}: expected {kind}.") from None
