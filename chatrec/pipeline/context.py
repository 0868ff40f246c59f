"""What a step may use: the run, the settings, the files of the steps before it.

The runner makes a context, and `chatrec begin` or a task that records a failure loads the runner: data frames are
imported when a step reads its first file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chatrec.config import Settings
from chatrec.runs.results import EnsembleResult, ExtractResult, GateResult, RankResult
from chatrec.runs.run import Run

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chatrec.config.rules import Rules as RulesSettings
    from chatrec.data.arrays import Array
    from chatrec.extract.snapshot import Snapshot
    from chatrec.ranking.rules.rules import Rules


@dataclass(frozen=True)
class RunOptions:
    """Options of one run: of `chatrec run` and `chatrec begin`, and of Airflow's trigger form."""

    full: bool = False
    """Read all daily partitions and encode all texts again, instead of only those that changed."""
    dry_run: bool = False
    """Run all steps except publish."""


DEFAULT_OPTIONS = RunOptions()


@dataclass(frozen=True)
class Results:
    """Results of the finished steps of a run. A step that is not finished raises a RunError."""

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
    """Of one step of one run."""

    run: Run
    settings: Settings
    folder: Path
    """The step's own, empty when it begins."""
    database: Engine | None = None
    """Of chatrec's tables; None where there is none, as in `chatrec evaluate --split`."""
    number: int = 0
    """Of the run in the database."""
    options: RunOptions = DEFAULT_OPTIONS

    def of(self, step: str) -> Path:
        """The folder of a step before this one."""
        return self.run.step_folder(step)

    @property
    def results(self) -> Results:
        """Results of the steps before this one."""
        return Results(self.run)

    @cached_property
    def snapshot(self) -> Snapshot:
        """Of the extract step."""
        from chatrec.extract.snapshot import Snapshot

        return Snapshot(self.of("extract"))

    @cached_property
    def recommendable(self) -> Array:
        """bool for each item: whether it is available. What is learned and measured knows no rules."""
        available: Array = self.snapshot.items["available"].to_numpy()
        return available

    @cached_property
    def rules(self) -> Rules:
        """Of the settings, on the run's items."""
        return self.rules_of(self.settings.rules)

    @cached_property
    def listable(self) -> Array:
        """bool for each item: whether it is available and the rules allow it."""
        return self.rules.allowed_of(self.recommendable)

    def rules_of(self, rules: RulesSettings) -> Rules:
        """Other rules on the run's items."""
        from chatrec.ranking.rules.rules import Clock, Rules

        snapshot = self.snapshot
        newest = 0 if self.settings.privacy.enabled else snapshot.newest  # what is newest is somebody's
        return Rules.of(rules, snapshot.items, Clock(snapshot.taken_at, newest))
