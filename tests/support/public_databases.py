"""The five databases of docs/howto/public-databases.md, loaded from a folder that CHATREC_SMALL_SHOPS names."""

import gzip
import os
import re
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from chatrec.db.embedded import binaries
from tests.support.databases import connect

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "public-databases.md"
FOLDER = "CHATREC_SMALL_SHOPS"
DATABASES = {
    "northwind": "database.sql.gz",
    "chinook": "database.sql.gz",
    "pagila": "interactions.csv.gz",
    "online retail": "lines.csv.gz",
    "superstore": "interactions.csv.gz",
}
"""Sections of the page, and the file that a section needs."""
CSV_TABLES = """
CREATE TEMPORARY TABLE events (user_id text, item_id text, rating text, ts double precision);
CREATE TEMPORARY TABLE products (item_id text, title text, text text, groups text);
"""
FROM_CSV = {
    "pagila": """
CREATE TABLE film AS SELECT item_id::int AS film_id, title, text AS description FROM products;
CREATE TABLE category AS SELECT row_number() OVER (ORDER BY groups) AS category_id, groups AS name
FROM (SELECT DISTINCT groups FROM products);
CREATE TABLE film_category AS SELECT item_id::int AS film_id, category_id FROM products JOIN category ON name = groups;
CREATE TABLE inventory AS SELECT film_id AS inventory_id, film_id FROM film;
CREATE TABLE rental AS
SELECT user_id::int AS customer_id, item_id::int AS inventory_id, to_timestamp(ts) AS rental_date FROM events;
CREATE TABLE customer AS
SELECT DISTINCT customer_id, customer_id % 12 > 0 AS activebool FROM rental;
""",
    "superstore": """
CREATE TABLE superstore AS
SELECT to_timestamp(ts)::date AS order_date, user_id AS customer_id, item_id AS product_id,
       split_part(groups, '|', 1) AS category, split_part(groups, '|', 2) AS sub_category, title AS product_name
FROM events JOIN products USING (item_id);
""",
}
"""Statements that make the tables of a database whose dump is not in the folder from events and products."""


def folder(name: str) -> Path | None:
    """The folder with the files of a database; None if it is not there."""
    files = Path(os.environ.get(FOLDER, "/nowhere")) / name.split()[-1]
    return files if (files / DATABASES[name]).exists() else None


def block(name: str, language: str) -> str:
    """The first block of code in a language in the section of a database."""
    _, _, section = PAGE.read_text(encoding="utf-8").lower().partition(f"## {name}\n")
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8")[-len(section) :], re.DOTALL)
    assert found, f"{name} has no block of {language}"
    return found[1]


def create(name: str, url: str, server: Path) -> None:
    """Fills an empty database, as the page says or from CSV files.

    Args:
        name: of the database in DATABASES.
        url: of the empty database.
        server: the data folder of its server.
    """
    files = folder(name)
    assert files
    if name not in FROM_CSV:
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        path = f"{binaries(server)}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "CHATREC_DATABASE__URL": plain}
        subprocess.run(["bash", "-ec", block(name, "sh")], cwd=files, env=environment, check=True, capture_output=True)
        return
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(CSV_TABLES)
        for table, file in (("events", "interactions.csv.gz"), ("products", "items.csv.gz")):
            with gzip.open(files / file) as lines:
                cursor.copy_expert(f"COPY {table} FROM STDIN WITH (FORMAT csv, HEADER)", lines)
        cursor.execute(FROM_CSV[name])
