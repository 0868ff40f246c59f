"""Databases of a PostgreSQL server, and copies of one that was made before."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812
from sqlalchemy import make_url

from chatrec.db import embedded

NUMBERS = itertools.count()
CARELESS = ("fsync", "synchronous_commit", "full_page_writes")
"""What a server of tests need not do: they do not care about power cuts."""


def connect(url: str) -> Connection:
    """An autocommitting connection."""
    connection = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    connection.autocommit = True
    return connection


def start(folder: Path) -> str:
    """Starts a server, or joins the one that another process started; returns its URL."""
    url = embedded.start(folder)
    execute(url, *(f"ALTER SYSTEM SET {name} = off" for name in CARELESS), "SELECT pg_reload_conf()")
    return url


def execute(url: str, *statements: str) -> None:
    """Runs statements that belong to no transaction."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def one(url: str, query: str) -> Any:
    """The value that a query gives."""
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return row and row[0]


def of_name(server: str, name: str) -> str:
    """The URL of a database."""
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def new_database(server: str, options: str = "") -> Iterator[str]:
    """The URL of a new database, which is dropped in the end."""
    name = f"test_{os.getpid()}_{next(NUMBERS)}"
    execute(server, f"CREATE DATABASE {name} {options}")
    yield of_name(server, name)
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


@dataclass(frozen=True)
class Template:
    """A database and a folder that are made once, by whichever process needs them first, and copied by all.

    Args:
        server: its URL.
        folder: for what belongs to the databases of the server.
        name: of the database and of the folder.
        make: fills an empty database and an empty folder, given the URL of the one and the path of the other.
    """

    server: str
    folder: Path
    name: str
    make: Callable[[str, Path], None]

    @property
    def files(self) -> Path:
        """The folder that is copied."""
        return self.folder / self.name

    def copy(self, files: Path) -> Iterator[str]:
        """The URL of a copy of the database, which is dropped in the end; `files` becomes a copy of the folder."""
        self._make_once()
        shutil.copytree(self.files, files, dirs_exist_ok=True)
        yield from new_database(self.server, f"TEMPLATE {self.name}")

    def _make_once(self) -> None:
        with closing(connect(self.server)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(0)")  # until the connection is closed
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (self.name,))
            if cursor.fetchone():
                return
            unfinished = f"{self.name}_unfinished"
            cursor.execute(f"CREATE DATABASE {unfinished}")
            self.files.mkdir(parents=True)
            self.make(of_name(self.server, unfinished), self.files)
            cursor.execute(f"ALTER DATABASE {unfinished} RENAME TO {self.name}")
