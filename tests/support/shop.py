"""A small customer with names of its own, and settings that make a run take seconds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg2
from sqlalchemy import make_url

KINDS = {
    "Space": "rocket star galaxy orbit comet planet alien moon",
    "Kitchen": "bread pasta oven pepper butter onion basil soup",
    "Detective": "murder clue butler poison alibi inspector dagger letter",
}
SCHEMA = """
CREATE TABLE customers (no bigint, age smallint, town text);
CREATE TABLE films (no bigint, name text, plot text, kinds text[], in_stock boolean, changed_at timestamptz);
CREATE TABLE views (customer bigint, film bigint, what text, amount float8, at timestamptz);
"""
SELECTS = {
    "users": "SELECT no AS user_id, age, town FROM customers",
    "items": "SELECT no AS item_id, name AS title, plot, kinds AS groups, in_stock AS available, "
    "changed_at AS updated_at FROM films",
    "interactions": "SELECT customer AS user_id, film AS item_id, what AS event, amount AS weight, at AS occurred_at "
    "FROM views",
}
SMALL: dict[str, Any] = {
    "encoder.model": "local",
    "advanced.encoder.local": {"layers": 1, "width": 32, "vocabulary": 300, "train_tokens": 4096},
    "advanced.encoder.max_tokens": 32,
    "advanced.encoder.dimensions": 16,
    "aigc.minutes": 0,
    "advanced.aigc.min_events": 0,
    "advanced.aigc.width": 8,
    "advanced.aigc.epochs": 6,
    "advanced.aigc.networks": 2,
    "ranking.top_n": 5,
    "compute.threads": 1,
    "checks.beats_baseline": False,
}


@dataclass
class Shop:
    """The shop's tables, which `create` makes, and what is in them."""

    url: str
    users: int = 40
    items: int = 60
    seed: int = 0

    @property
    def views(self) -> list[tuple[int, int, str, float, str]]:
        """The events: the last user has none; everybody else takes 12 films, 11 of them of one kind."""
        return self._rows()[1]

    def create(self, views: bool = True) -> None:
        """Creates the tables and fills them."""
        films, events = self._rows()
        towns = ("Rome", "Oslo", "Lima")
        self.execute(SCHEMA)
        self.insert("customers", [(number, 20 + number, towns[number % 3]) for number in range(self.users)])
        self.insert("films", films)
        if views:
            self.insert("views", events)

    def _rows(self) -> tuple[list[tuple[Any, ...]], list[tuple[int, int, str, float, str]]]:
        """Films and views."""
        random = np.random.default_rng(self.seed)
        kinds = list(KINDS)
        films = []
        for number in range(self.items):
            kind = kinds[number % len(kinds)]
            words = random.choice(KINDS[kind].split(), 4)
            name, plot = " ".join(words[:2]).title(), " ".join(words)
            films.append((number, f"{name} {number}", plot, [kind], True, "2026-01-01+00"))
        views = []
        for user in range(self.users - 1):
            mine = np.flatnonzero(np.arange(self.items) % 3 == user % 3)
            taken = [*random.choice(mine, min(11, len(mine)), replace=False), random.integers(self.items)]
            for step, film in enumerate(taken):
                day, hour = 1 + (user + step) % 27, step % 24
                views.append((user, int(film), "view", 1.0, f"2026-02-{day:02} {hour:02}:00+00"))
        return films, views

    def execute(self, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Runs a statement and returns its rows."""
        url = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg2.connect(url)
        connection.set_client_encoding("UTF8")
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Inserts rows."""
        if rows:
            marks = ", ".join(["(" + ", ".join(["%s"] * len(rows[0])) + ")"] * len(rows))
            self.execute(f"INSERT INTO {table} VALUES {marks}", [value for row in rows for value in row])

    def lists(self, where: str = "true") -> list[tuple[Any, ...]]:
        """Everything that is published, in order."""
        return self.execute(
            "SELECT user_id, rank, item_id, title, score, source, reason::text FROM chatrec.recommendations "
            f"WHERE {where} ORDER BY user_id, rank"
        )


def write_settings(folder: Path, url: str, changes: Mapping[str, Any]) -> Path:
    """Writes `chatrec.toml` and returns it."""
    values: dict[str, dict[str, Any]] = {"database": {"url": url}, "source": dict(SELECTS)}
    values["artifacts"] = {"root": str(folder / "artifacts")}
    for key, value in {**SMALL, **changes}.items():
        section, name = key.rsplit(".", 1)
        values.setdefault(section, {})[name] = value
    lines = []
    for section, keys in values.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {_toml(value)}" for name, value in keys.items()]
    file = folder / "chatrec.toml"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
