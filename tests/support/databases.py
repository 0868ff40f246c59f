"""Databases of a PostgreSQL server."""

import itertools
import os
from collections.abc import Iterator
from contextlib import closing

import psycopg2
from sqlalchemy import make_url

NUMBERS = itertools.count()


def connect(url: str) -> "psycopg2.extensions.connection":
    """An autocommitting connection."""
    connection = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    connection.autocommit = True
    return connection


def new_database(server: str, options: str = "") -> Iterator[str]:
    name = f"test_{os.getpid()}_{next(NUMBERS)}"
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} {options}")
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
