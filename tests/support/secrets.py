"""Searches what chatrec has written for parts of a secret, or of a value that must not be kept."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from psycopg2 import sql

from tests.support.databases import connect

PART = 5
"""Shorter parts are in everything."""


def forms(secret: str) -> Iterator[str]:
    """The secret as it is, and as URLs have it."""
    yield from dict.fromkeys((secret, quote(secret, safe=""), quote(secret)))


def parts(secret: str) -> set[str]:
    """All parts of a secret, in all forms; a secret that is shorter than a part is one."""
    return {form[n : n + PART] for form in forms(secret) for n in range(max(len(form) - PART, 0) + 1)}


def parts_in(secret: str, text: str) -> set[str]:
    """The parts of a secret that a text shows."""
    return {part for part in parts(secret) if part in text}


def files_with(secret: str, folder: Path) -> list[Path]:
    """The files of a folder that hold a secret."""
    wanted = [form.encode() for form in forms(secret)]
    files = (file for file in folder.rglob("*") if file.is_file())
    return [file for file in files if any(form in file.read_bytes() for form in wanted)]


def tables_with(secret: str, url: str) -> list[str]:
    """The tables of a database, but those of PostgreSQL, that hold a secret in any column."""
    connection = connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT oid::regclass::text, relnamespace::regnamespace::text, relname FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'"
            )
            return [name for name, *place in cursor.fetchall() if _holds(cursor, sql.Identifier(*place), secret)]
    finally:
        connection.close()


def _holds(cursor: object, table: sql.Composable, secret: str) -> bool:
    values = [f"%{form}%" for form in forms(secret)]
    statement = sql.SQL("SELECT EXISTS (SELECT FROM {} AS row WHERE row::text LIKE ANY (%s))").format(table)
    cursor.execute(statement, (values,))  # type: ignore[attr-defined]
    return bool(cursor.fetchone()[0])  # type: ignore[attr-defined]
