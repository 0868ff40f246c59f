"""What the examples share: made rows into PostgreSQL by COPY, runs in sequence, and lists on a terminal."""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from psycopg2 import sql
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from chatrec import pipeline
from chatrec.config import Settings
from chatrec.console import StepLines, console
from chatrec.db.copy import copy_in
from chatrec.db.engine import cursor, open_database, source
from chatrec.db.migrate import migrate
from chatrec.errors import RunStopped
from chatrec.pipeline import RunResult
from chatrec.pipeline.preflight import read_mapping
from chatrec.runs.run import key_of

Array = np.ndarray
Frames = Iterable[pl.DataFrame]
Rows = list[tuple[Any, ...]]
Found = TypeVar("Found")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def chance(seed: int, *place: int) -> np.random.Generator:
    """Chance that depends on the seed and the place alone, so that a block is the same whatever was made before it."""
    return np.random.default_rng([seed, *place])


def pick(random: np.random.Generator, weights: Array) -> Array:
    """A column for each row, with chances that go as the weights: rows × columns."""
    steps = weights.cumsum(1)
    found: Array = np.minimum(
        (random.random(len(weights))[:, None] * steps[:, -1:] >= steps).sum(1), weights.shape[1] - 1
    )
    return found


def moments(start: datetime, seconds: Array) -> pl.Series:
    """Returns times at these seconds after a start."""
    first = np.datetime64(start.astimezone(UTC).replace(tzinfo=None), "us")
    times = first + (np.asarray(seconds) * 1e6).astype("timedelta64[us]")
    return pl.Series(times).dt.replace_time_zone("UTC")


def array_of(texts: Iterable[Iterable[str]]) -> list[str]:
    """PostgreSQL's text for arrays of texts."""
    return ["{" + ",".join(f'"{text}"' for text in each) + "}" for each in texts]


@dataclass(frozen=True)
class Stage:
    """An example's settings and the database that its tables are in."""

    settings: Settings
    tables: Engine
    shown: Console

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator["Stage"]:
        """A stage for the length of a block; starts the embedded PostgreSQL if no database is set."""
        engine = source(settings, "chatrec example")
        try:
            yield cls(settings, engine, console())
        finally:
            engine.dispose()

    def rows(self, statement: str, values: Any = None) -> Rows:
        """Runs a statement; returns its rows, if it gives any."""
        with cursor(self.tables) as opened:
            opened.execute(statement, values)
            return opened.fetchall() if opened.description else []

    def load(self, table: str, frames: Frames) -> int:
        """Streams frames into a table by COPY; returns the number of rows."""
        rows = iter(frames)
        first = next(rows)
        with cursor(self.tables) as opened:
            return copy_in(opened, sql.Identifier(*table.split(".")), first.columns, _chained(first, rows))

    def begin_anew(self, schema: Path, name: str) -> None:
        """Makes the example's empty tables, and forgets all runs before.

        Args:
            schema: a file of CREATE TABLE statements.
            name: of the schema that they make.
        """
        own = self.settings.database.schema_name
        self.rows(f"DROP SCHEMA IF EXISTS {own} CASCADE; DROP SCHEMA IF EXISTS {name} CASCADE")
        self.rows(schema.read_text(encoding="utf-8"))
        shutil.rmtree(self.settings.artifacts.root, ignore_errors=True)

    def run(self, moment: datetime, settings: Settings | None = None, quiet: bool = False) -> RunResult:
        """Runs a run that stands for a moment.

        Args:
            moment: makes the key of the run.
            settings: others than the stage's.
            quiet: print no line for each step.

        Raises:
            RunStopped: a check stopped it.
        """
        chosen = settings or self.settings
        mapping = read_mapping(chosen)
        with open_database(chosen, "chatrec example") as engine:
            migrate(engine, chosen.database.schema_name, mapping.id_types)
        result = pipeline.run(chosen, key_of(moment), None if quiet else StepLines(), raise_on_error=True)
        if result.state != "published":
            raise RunStopped(f"Run {result.key} is {result.state}: {result.verdict}")
        return result

    def say(self, title: str) -> None:
        """A headline."""
        self.shown.print(f"\n[bold]{title}[/]")

    def stage(self, title: str, do: Callable[[], Found]) -> Found:
        """Does something, with a line that says how long it took."""
        started = time.monotonic()
        with self.shown.status(title):
            found = do()
        self.shown.print(f"[green]✓[/] {title} [dim]{time.monotonic() - started:.1f} s[/]")
        return found

    def table(self, names: Sequence[str], rows: Rows) -> None:
        """Rows on the terminal."""
        table = Table(*names, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        self.shown.print(table)


def _chained(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first
    yield from rest
