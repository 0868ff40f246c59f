"""Earlier runs, with which the checks compare a run: the live one, and the last published ones."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl
from sqlalchemy import Connection, Engine

from chatrec.db import records
from chatrec.extract.snapshot import Snapshot
from chatrec.gate.earlier import RUNS, Earlier
from chatrec.gate.list_change import list_change
from chatrec.gate.source import EarlierReads
from chatrec.gate.trend import Metric, Trend
from chatrec.pipeline.context import Context
from chatrec.ranking.lists import RECOMMENDATIONS
from chatrec.runs.results import EnsembleResult, ExtractResult, GateResult, RankResult, StepResult
from chatrec.runs.run import Run

LOG = logging.getLogger("chatrec")
R = TypeVar("R", bound=StepResult)
LISTED_BY = (
    "source", "text", "encoder", "groups", "aigc", "ranking", "rules", "fairness", "diversity", "privacy", "advanced",
)  # fmt: skip
"""Sections of settings on which lists depend."""
METRICS: dict[str, Callable[[EnsembleResult], float | None]] = {
    "NDCG@10": lambda fitted: fitted.ndcg,
    "NDCG@10 among cold items": lambda fitted: fitted.cold_items_ndcg,
}


@dataclass(frozen=True)
class LiveRun:
    """The live run and the results of its steps."""

    record: records.RunRecord
    results: dict[str, StepResult | None]
    settings: dict[str, Any]

    @classmethod
    def before(cls, connection: Connection, number: int) -> "LiveRun | None":
        """Returns the live run, unless it is the run with this number itself."""
        live = records.live(connection)
        if live is None or live.run == number:
            return None
        results = {step.step: step.result for step in records.steps(connection, live.run)}
        return cls(live, results, records.settings(connection, live.run))

    def result(self, step: str, kind: type[R]) -> R | None:
        """Returns the result of a step; None if it is missing or another version wrote it."""
        result = self.results.get(step)
        return result if isinstance(result, kind) else None


def earlier_reads(engine: Engine, number: int) -> EarlierReads:
    """Returns what earlier runs than the one with this number have read."""
    with engine.connect() as connection:
        live = LiveRun.before(connection, number)
        published = records.published(connection, ExtractResult, RUNS, number)
    return EarlierReads(live.result("extract", ExtractResult) if live else None, published)


def trend_of(context: Context, engine: Engine) -> Trend:
    """Returns lists and metrics of a run beside those of earlier runs."""
    fitted, ranked, number = context.results.ensemble, context.results.rank, context.number
    with engine.connect() as connection:
        live = LiveRun.before(connection, number)
        rankings = records.published(connection, RankResult, RUNS, number)
        gates = records.published(connection, GateResult, RUNS, number)
        ensembles = records.published(connection, EnsembleResult, RUNS, number)
    before = live.result("rank", RankResult) if live else None
    metrics = {}
    for name, value in METRICS.items():
        if (now := value(fitted)) is not None:
            metrics[name] = Metric(now, [past for run in ensembles if (past := value(run)) is not None])
    return Trend(
        ranked.users_ensemble,
        Earlier.of(before.users_ensemble if before else None, (ranking.users_ensemble for ranking in rankings)),
        _list_change(context, live) if live else None,
        [gate.list_change for gate in gates if gate.list_change is not None],
        metrics,
        fitted.holdout_users,
    )


def _list_change(context: Context, live: LiveRun) -> float | None:
    """Returns the change of lists since the live run; None without its files, or if settings of lists changed.

    With [privacy] lists are not compared: a new release has other noise.
    """
    if context.settings.privacy.enabled:
        return None
    settings, earlier = context.settings.frozen(), Run(context.run.root, live.record.key)
    file = earlier.step_folder("rank") / RECOMMENDATIONS
    if any(settings.get(name) != live.settings.get(name) for name in LISTED_BY) or not file.exists():
        return None
    before = Snapshot(earlier.step_folder("extract")), file
    try:
        return list_change(before, (context.snapshot, context.of("rank") / RECOMMENDATIONS))
    except (OSError, pl.exceptions.PolarsError) as error:
        LOG.warning("Lists are not compared with run %s, whose files cannot be read: %s", earlier.key, error)
        return None
