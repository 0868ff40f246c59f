"""Completed runs in tests."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import inspect

from chatrec import pipeline
from chatrec.config import Settings, load
from chatrec.db import migrate as migrations
from chatrec.db import records
from chatrec.db.engine import open_database
from chatrec.pipeline import RunOptions
from chatrec.pipeline.context import DEFAULT_OPTIONS
from chatrec.pipeline.preflight import read_mapping
from tests.support.databases import Template
from tests.support.shop import Shop, write_settings

FIRST = "20260601T000000Z"
"""The key of the first run of a test, and of the one that was finished before it."""


@dataclass(frozen=True)
class CompletedRun:
    """The record of a run with the results of its steps."""

    record: records.RunRecord
    results: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)


def migrate(settings: Settings) -> list[str]:
    """Brings chatrec's tables up to date."""
    mapping = read_mapping(settings)
    with open_database(settings, "chatrec test") as engine:
        return migrations.migrate(engine, settings.database.schema_name, mapping.id_types)


def complete(settings: Settings, key: str | None = None, options: RunOptions = DEFAULT_OPTIONS) -> CompletedRun:
    """Does a run."""
    done = pipeline.run(settings, key or _next_key(settings), options=options, raise_on_error=True)
    return recorded(settings, done.key)


def recorded(settings: Settings, key: str) -> CompletedRun:
    """A run that was done before."""
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        record = records.get(connection, key)
        return CompletedRun(record, {step.step: step.result for step in records.steps(connection, record.run)})


@dataclass(frozen=True)
class Finished:
    """A shop after a published run, and the settings of the run."""

    shop: Shop
    settings: Settings

    @property
    def run(self) -> CompletedRun:
        """The run."""
        return recorded(self.settings, FIRST)


@dataclass(frozen=True)
class Scene:
    """A shop whose first run is done before the tests begin: once, for all that copy it.

    Args:
        name: of the database that is copied.
        users: of the shop.
        items: of the shop.
        changes: of the settings.
        more: changes the shop before the run.
        after: does something after the run.
    """

    name: str
    users: int = 40
    items: int = 60
    changes: Mapping[str, Any] = field(default_factory=dict)
    more: Callable[[Shop], object] = lambda shop: None
    after: Callable[[Settings], object] = lambda settings: None

    def copy(self, server: str, shared: Path, folder: Path) -> Iterator[Finished]:
        """A copy of its own for a test.

        Args:
            server: the URL of the server.
            shared: the folder of all processes that use the server.
            folder: for what the run wrote, and for `chatrec.toml`.
        """
        for url in Template(server, shared, self.name, self._make).copy(folder):
            yield Finished(self._shop(url), self._settings(url, folder))

    def _make(self, url: str, folder: Path) -> None:
        shop = self._shop(url)
        shop.create()
        self.more(shop)
        settings = self._settings(url, folder)
        migrate(settings)
        complete(settings, FIRST)
        self.after(settings)

    def _shop(self, url: str) -> Shop:
        return Shop(url, self.users, self.items)

    def _settings(self, url: str, folder: Path) -> Settings:
        return load(write_settings(folder, url, self.changes))


SMALL = Scene("small")
LEARNS: dict[str, Any] = {
    "finetune.steps": 60,
    "advanced.finetune.pairs": 32,
    "advanced.finetune.eval_every": 20,
    "advanced.finetune.learning_rate": 0.003,
}
LARGE = Scene("large", users=400, items=240, changes=LEARNS)
"""Large enough to tell encoders apart."""


def _next_key(settings: Settings) -> str:
    """Keys of the same second would be the same run."""
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        migrated = inspect(engine).has_table("runs", settings.database.schema_name)
        count = len(records.latest(connection, 1000)) if migrated else 0
    return f"20260601T{count:06}Z"
