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

from chatrec.db import rights, server, sql_files
from chatrec.db.engine import cursor
from chatrec.db.lock import wait_for
from chatrec.errors import RunError, SettingsError

CREATED = re.compile(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?(\w+)")


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
        SettingsError: If the database cannot be used, or the role may not create the schema, or tables in it.
    """
    with cursor(engine) as opened:
        server.refuse_unfit(opened)
        rights.refuse_missing(opened, schema)
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


def refuse_pending(engine: Engine, schema: str) -> None:
    """Check that no migration is pending.

    Raises:
        SettingsError: If one is.
    """
    if todo := pending(engine, schema):
        lacking = "has no tables yet" if len(todo) == len(migrations()) else f"lacks {', '.join(todo)}"
        raise SettingsError(f"The schema {schema} {lacking}: run `chatrec db migrate`.")


def _prepare(connection: Connection, schema: str) -> None:
    if connection.scalar(text("SELECT to_regnamespace(:schema)"), {"schema": schema}) is None:
        create = sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema))
        driver: Any = connection.connection.driver_connection
        connection.exec_driver_sql(create.as_string(driver))
    if (path := connection.scalar(text("SELECT current_schema()"))) != schema:
        raise SettingsError(f"Tables would be made in the schema {path} instead of {schema}: nothing was made.")
    _become_owner(connection)
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
        _become_owner(connection)
        connection.exec_driver_sql(sql_files.fill(migration.text, variables))
        connection.execute(
            text("INSERT INTO migrations (name, checksum) VALUES (:name, :checksum)"),
            {"name": migration.name, "checksum": migration.checksum},
        )


def _become_owner(connection: Connection) -> None:
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as opened:
        rights.become_owner(opened, "migrations")
