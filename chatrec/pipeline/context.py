"""Context of a step: the run, its settings, and the files of the steps before.

`chatrec begin` and tasks that record a failure import this module too, so libraries for data frames are imported only
when a step reads its first file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chatrec.config import Settings
from chatrec.runs.results import EnsembleResult, ExtractResult, GateResult, RankResult
from chatrec.runs.run import Run

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from chatrec.config.rules import Rules as RulesSettings
    from chatrec.data.arrays import Array
    from chatrec.db.fence import Fence
    from chatrec.extract.snapshot import Snapshot
    from chatrec.ranking.rules.rules import Rules


@dataclass(frozen=True)
class RunOptions:
    """Options of one run, given to `chatrec run` and `chatrec begin` or in Airflow's trigger form."""

    full: bool = False
    """Read all daily partitions and encode all texts again, not only those that changed."""
    dry_run: bool = False
    """Run all steps except publish."""


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True)
class Results:
    """Results of the finished steps of a run. Access to the result of another step raises a RunError."""

    run: Run

    @property
    def extract(self) -> ExtractResult:
        """Result of the step extract."""
        return self.run.result("extract", ExtractResult)

    @property
    def ensemble(self) -> EnsembleResult:
        """Result of the step ensemble."""
        return self.run.result("ensemble", EnsembleResult)

    @property
    def rank(self) -> RankResult:
        """Result of the step rank."""
        return self.run.result("rank", RankResult)

    @property
    def gate(self) -> GateResult:
        """Result of the step gate."""
        return self.run.result("gate", GateResult)


@dataclass(frozen=True)
class Context:
    """Context of one step of a run."""

    run: Run
    settings: Settings
    folder: Path
    """Folder of the step, empty at its start."""
    database: Engine | None = None
    """Engine of chatrec's tables; None without a database, as in `chatrec evaluate --split`."""
    number: int = 0
    """Number of the run in the database."""
    options: RunOptions = DEFAULT_OPTIONS
    fence: Fence | None = None
    """Checked by each write into the database; None without a database."""

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yields a connection in a transaction, in which no other process can take over the step.

        Raises:
            LockLost: If another process has taken it over.
        """
        assert self.database is not None
        with self.database.begin() as connection:
            self.check(connection)
            yield connection

    def check(self, connection: Connection) -> None:
        """Checks, in the transaction of a write, that no other process has taken over the step."""
        if self.fence is not None:
            self.fence.check(connection)

    def of(self, step: str) -> Path:
        """Returns the folder of a step before this one."""
        return self.run.step_folder(step)

    @property
    def results(self) -> Results:
        """Results of the steps before this one."""
        return Results(self.run)

    @cached_property
    def snapshot(self) -> Snapshot:
        """Snapshot that the step extract wrote."""
        from chatrec.extract.snapshot import Snapshot

        return Snapshot(self.of("extract"))

    @cached_property
    def recommendable(self) -> Array:
        """Availability of items, bool of shape (items,). Models are fitted and measured without rules."""
        available: Array = self.snapshot.items["available"].to_numpy()
        return available

    @cached_property
    def rules(self) -> Rules:
        """Business rules of the settings, applied to the run's items."""
        return self.rules_of(self.settings.rules)

    @cached_property
    def listable(self) -> Array:
        """Whether an item is available and allowed by the rules, bool of shape (items,)."""
        return self.rules.allowed_of(self.recommendable)

    def rules_of(self, rules: RulesSettings) -> Rules:
        """Returns other rules, applied to the run's items."""
        from chatrec.ranking.rules.rules import Clock, Rules

        snapshot = self.snapshot
        newest = 0 if self.settings.privacy.enabled else snapshot.newest  # the newest event is private
        return Rules.of(rules, snapshot.items, Clock(snapshot.taken_at, newest))
