"""Running nights in tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import inspect

from chatrec.db import migrate as migrations
from chatrec.db import runs
from chatrec.pipeline import run_night
from chatrec.pipeline.night import open_database
from chatrec.pipeline.preflight import read_mapping
from chatrec.settings import Settings, load
from tests.support.shop import Shop, write_settings

FIRST = "20260601T000000Z"
"""The key of the first night of a test, and of the one that was finished before it."""


@dataclass(frozen=True)
class Night:
    """The record of a run with the counts of its steps."""

    record: runs.RunRecord
    counts: dict[str, dict[str, Any]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)


def migrate(settings: Settings) -> list[str]:
    """Brings chatrec's tables up to date."""
    mapping = read_mapping(settings)
    with open_database(settings, "chatrec test") as engine:
        return migrations.migrate(engine, settings.database.schema_name, mapping.id_types)


def run(settings: Settings, key: str | None = None) -> Night:
    """Does a night."""
    record = run_night(settings, key or _next_key(settings))
    return recorded(settings, record.key)


def recorded(settings: Settings, key: str) -> Night:
    """A night that was done before."""
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        record = runs.get(connection, key)
        return Night(record, {step.step: step.counts for step in runs.steps(connection, record.run)})


def finish(url: str, folder: Path) -> None:
    """Fills a database with the small shop and a published night, and a folder with what the night wrote."""
    Shop(url).create()
    settings = load(write_settings(folder, url, {}))
    migrate(settings)
    run(settings, FIRST)


@dataclass(frozen=True)
class Finished:
    """The small shop after a published night, and the settings of the night."""

    shop: Shop
    settings: Settings

    @property
    def night(self) -> Night:
        """The night."""
        return recorded(self.settings, FIRST)

    @classmethod
    def of(cls, url: str, folder: Path) -> "Finished":
        """What a copy of what `finish` made has become."""
        return cls(Shop.found(url), load(write_settings(folder, url, {})))


def _next_key(settings: Settings) -> str:
    """Keys of the same second would be the same run."""
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        migrated = inspect(engine).has_table("runs", settings.database.schema_name)
        count = len(runs.latest(connection, 1000)) if migrated else 0
    return f"20260601T{count:06}Z"
