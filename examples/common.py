"""Parts shared by the examples: loading of synthetic rows by COPY, runs in sequence, and tables on the terminal."""

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
Result = TypeVar("Result")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def generator(seed: int, *keys: int) -> np.random.Generator:
    """Returns a generator that depends on the seed and the keys alone, so that blocks are independent of each other."""
    return np.random.default_rng([seed, *keys])


def pick(random: np.random.Generator, weights: Array) -> Array:
    """Samples a column for each row.

    Args:
        random: Random generator.
        weights: Unnormalised probabilities, rows × columns.
    """
    steps = weights.cumsum(1)
    columns: Array = np.minimum(
        (random.random(len(weights))[:, None] * steps[:, -1:] >= steps).sum(1), weights.shape[1] - 1
    )
    return columns


def moments(start: datetime, seconds: Array) -> pl.Series:
    """Returns the times at given numbers of seconds after a start."""
    first = np.datetime64(start.astimezone(UTC).replace(tzinfo=None), "us")
    times = first + (np.asarray(seconds) * 1e6).astype("timedelta64[us]")
    return pl.Series(times).dt.replace_time_zone("UTC")


def array_of(texts: Iterable[Iterable[str]]) -> list[str]:
    """Returns PostgreSQL array literals."""
    return ["{" + ",".join(f'"{text}"' for text in row) + "}" for row in texts]


@dataclass(frozen=True)
class Stage:
    """Settings of an example, and the database of its tables."""

    settings: Settings
    tables: Engine
    terminal: Console

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator["Stage"]:
        """Opens a stage as a context manager; starts the embedded PostgreSQL if no database is set."""
        engine = source(settings, "chatrec example")
        try:
            yield cls(settings, engine, console())
        finally:
            engine.dispose()

    def rows(self, statement: str, values: Any = None) -> Rows:
        """Executes a statement and returns its rows, if it has any."""
        with cursor(self.tables) as opened:
            opened.execute(statement, values)
            return opened.fetchall() if opened.description else []

    def load(self, table: str, frames: Frames) -> int:
        """Copies frames into a table and returns the number of rows."""
        rows = iter(frames)
        first = next(rows)
        with cursor(self.tables) as opened:
            return copy_in(opened, sql.Identifier(*table.split(".")), first.columns, _chained(first, rows))

    def reset(self, schema: Path, name: str) -> None:
        """Creates the empty tables of the example, and deletes all previous runs.

        Args:
            schema: File of CREATE TABLE statements.
            name: Name of the schema that they create.
        """
        own = self.settings.database.schema_name
        self.rows(f"DROP SCHEMA IF EXISTS {own} CASCADE; DROP SCHEMA IF EXISTS {name} CASCADE")
        self.rows(schema.read_text(encoding="utf-8"))
        shutil.rmtree(self.settings.artifacts.root, ignore_errors=True)

    def run(self, moment: datetime, settings: Settings | None = None, quiet: bool = False) -> RunResult:
        """Runs the pipeline as of a moment.

        Args:
            moment: Time that gives the run's key.
            settings: Settings that replace those of the stage.
            quiet: Whether steps are not printed.

        Raises:
            RunStopped: A check stopped the run.
        """
        chosen = settings or self.settings
        mapping = read_mapping(chosen)
        with open_database(chosen, "chatrec example") as engine:
            migrate(engine, chosen.database.schema_name, mapping.id_types)
        result = pipeline.run(chosen, key_of(moment), None if quiet else StepLines(), raise_on_error=True)
        if result.state != "published":
            raise RunStopped(f"Run {result.key} is {result.state}: {result.verdict}")
        return result

    def heading(self, title: str) -> None:
        """Prints a heading."""
        self.terminal.print(f"\n[bold]{title}[/]")

    def timed(self, title: str, do: Callable[[], Result]) -> Result:
        """Calls a function and prints its time."""
        since = time.monotonic()
        with self.terminal.status(title):
            result = do()
        self.terminal.print(f"[green]✓[/] {title} [dim]{time.monotonic() - since:.1f} s[/]")
        return result

    def table(self, names: Sequence[str], rows: Rows) -> None:
        """Prints rows as a table."""
        table = Table(*names, box=None, header_style="bold", pad_edge=False)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row))
        self.terminal.print(table)


def _chained(first: pl.DataFrame, rest: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    yield first
    yield from rest
