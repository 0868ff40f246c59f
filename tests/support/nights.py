"""Running nights in tests."""

from dataclasses import dataclass
from typing import Any

from chatrec.db import migrate as migrations
from chatrec.db import runs
from chatrec.pipeline import run_night
from chatrec.pipeline.night import open_database
from chatrec.pipeline.preflight import read_mapping
from chatrec.settings import Settings


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
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        return Night(record, {step.step: step.counts for step in runs.steps(connection, record.run)})


def _next_key(settings: Settings) -> str:
    """Keys of the same second would be the same run."""
    with open_database(settings, "chatrec test") as engine, engine.connect() as connection:
        try:
            count = len(runs.latest(connection, 1000))
        except Exception:
            count = 0
    return f"20260601T{count:06}Z"
