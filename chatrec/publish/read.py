"""Reading of published lists for the command line."""

import csv
import os
import shutil
import subprocess
from typing import Any, TextIO

from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, ProgrammingError

from chatrec.config import Settings
from chatrec.db import embedded
from chatrec.db.engine import database_url
from chatrec.errors import RunError, SettingsError

LIST = "SELECT rank, item_id, title, score, source, reason FROM {} WHERE user_id = CAST(:user AS {}) ORDER BY rank"
ID_TYPE = text("""
    SELECT format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = to_regclass('recommendations_by_run') AND attname = 'user_id'
""")


def list_of(engine: Engine, user: str, key: str | None = None) -> list[dict[str, Any]]:
    """Returns a user's list, of the live run or an older one.

    Args:
        engine: Engine of the database.
        user: User id, as text.
        key: Key of an older run; None for the live run.

    Returns:
        A mapping of rank, item_id, title, score, source and reason per row; empty if there is no such user.

    Raises:
        RunError: If `user` is not a valid id of this database.
        SettingsError: If the tables do not exist.
    """
    with engine.connect() as connection:
        id_type = connection.scalar(ID_TYPE)
        if id_type is None:
            raise SettingsError("There are no tables yet: run `chatrec db migrate`, then `chatrec run`.")
        source = "recommendations_at(CAST(:key AS text))" if key else "recommendations"
        try:
            rows = connection.execute(
                text(LIST.format(source, id_type)), {"user": user, "key": key} if key else {"user": user}
            )
        except DataError:
            raise RunError(f"Invalid user id {user!r}: expected {id_type}.") from None
        return [dict(row._mapping) for row in rows]


def write_csv(engine: Engine, query: str, out: TextIO) -> None:
    """Runs a statement and writes its rows as CSV, with a header.

    Raises:
        RunError: If PostgreSQL rejects the statement.
    """
    writer = csv.writer(out, lineterminator="\n")
    with engine.begin() as connection:
        try:
            result = connection.execution_options(
                stream_results=query.lstrip()[:6].lower() == "select"
            ).exec_driver_sql(query.replace("%", "%%"))
        except (ProgrammingError, DataError) as error:
            raise RunError(f"PostgreSQL does not accept this: {' '.join(str(error.orig).split())}") from None
        if result.returns_rows:
            writer.writerow(result.keys())
            writer.writerows(result)


def open_psql(settings: Settings) -> int:
    """Opens psql on the database and returns its exit code. The password is not visible in the process list."""
    url = database_url(settings)
    bundled = embedded.binaries(settings.database.folder) / "psql" if not settings.database.url else None
    program = str(bundled) if bundled and bundled.exists() else shutil.which("psql")
    if program is None:
        raise SettingsError('psql is not installed; `chatrec sql "select …"` works without it.')
    words = url.set(drivername="postgresql", password=None).render_as_string()
    environment = {**os.environ, "PGOPTIONS": f"-c search_path={settings.database.schema_name},public"}
    if url.password:
        environment["PGPASSWORD"] = url.password
    return subprocess.call([program, words], env=environment)
