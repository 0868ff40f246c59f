"""Forward-only migrations: plain SQL files, each in a transaction of its own, recorded with their checksum.

docs/decisions/0002-migrations.md says why no migration tool is used.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg2 import sql
from sqlalchemy import Connection, Engine, text

from chatrec.db import sql_files
from chatrec.db.lock import wait_for
from chatrec.errors import RunError, SettingsError

CREATED = re.compile(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)")
RIGHTS = text("""
    SELECT current_user, current_database(), to_regnamespace(quote_ident(:schema)) IS NOT NULL,
           coalesce(has_schema_privilege(to_regnamespace(quote_ident(:schema)), 'CREATE')
                    AND has_schema_privilege(to_regnamespace(quote_ident(:schema)), 'USAGE'),
                    has_database_privilege(current_database(), 'CREATE'))
""")


@dataclass(frozen=True)
class Migration:
    """A file of `sql/migrations`."""

    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Checksum of the file's text, before variables are substituted."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """List all migrations in order."""
    files = sorted((sql_files.folder() / "migrations").glob("*.sql"))
    return [Migration(file.stem, file.read_text(encoding="utf-8")) for file in files]


def relations() -> set[str]:
    """Names of chatrec's tables and views."""
    return {"migrations", *(name for migration in migrations() for name in CREATED.findall(migration.text))}


def migrate(engine: Engine, schema: str, variables: Mapping[str, str]) -> list[str]:
    """Apply pending migrations. Of two concurrent calls one waits, and then has none to apply.

    Args:
        engine: Engine with `schema` first in the search path.
        schema: Schema, created if it does not exist.
        variables: Values of `:user_id_type` and `:item_id_type`.

    Returns:
        Names of the applied migrations.

    Raises:
        RunError: If an applied migration was edited, or the database is newer than this code.
        SettingsError: If the role may not create the schema, or tables in it.
    """
    refuse_missing_rights(engine, schema)
    with wait_for(engine, schema, "migrate"), engine.connect() as connection:
        _prepare(connection, schema)
        todo = _pending(connection)
        for migration in todo:
            _apply(connection, migration, variables)
    return [migration.name for migration in todo]


def pending(engine: Engine, schema: str) -> list[str]:
    """Names of the migrations that `migrate` would apply."""
    with engine.connect() as connection:
        recorded = connection.scalar(text("SELECT to_regclass(:name)"), {"name": f"{schema}.migrations"})
        todo = _pending(connection) if recorded else migrations()
    return [migration.name for migration in todo]


def refuse_missing_rights(engine: Engine, schema: str) -> None:
    """Check whether the role may create the schema, or tables in it if it exists.

    Raises:
        SettingsError: If it may not. Names the GRANT.
    """
    with engine.connect() as connection:
        role, database, exists, may = connection.execute(RIGHTS, {"schema": schema}).one()
        quote = connection.dialect.identifier_preparer.quote
        thing = f"SCHEMA {quote(schema)}" if exists else f"DATABASE {quote(database)}"
        rights = "USAGE, CREATE" if exists else "CREATE"
        if not may:
            raise SettingsError(
                f"The role {role} may not create {'tables in ' if exists else ''}the schema {schema}: as the owner of "
                f"the {'schema' if exists else 'database'}, execute `GRANT {rights} ON {thing} TO {quote(role)};`."
            )


def _prepare(connection: Connection, schema: str) -> None:
    if connection.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": schema}) is None:
        create = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema))
        driver: Any = connection.connection.driver_connection
        connection.exec_driver_sql(create.as_string(driver))
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY, checksum text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())"
    )
    connection.commit()


def _pending(connection: Connection) -> list[Migration]:
    applied = {row.name: row.checksum for row in connection.execute(text("SELECT name, checksum FROM migrations"))}
    connection.commit()
    all_migrations = migrations()
    if newer := sorted(applied.keys() - {migration.name for migration in all_migrations}):
        raise RunError(f"The database has migration {newer[-1]}, which this chatrec does not know: upgrade chatrec.")
    for migration in all_migrations:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise RunError(f"Migration {migration.name} was edited after it was applied: write a new one instead.")
    return [migration for migration in all_migrations if migration.name not in applied]


def _apply(connection: Connection, migration: Migration, variables: Mapping[str, str]) -> None:
    with connection.begin():
        connection.exec_driver_sql(sql_files.fill(migration.text, variables))
        connection.execute(
            text("INSERT INTO migrations (name, checksum) VALUES (:name, :checksum)"),
            {"name": migration.name, "checksum": migration.checksum},
        )
