"""Contents of the page of a run: checks, metrics over the latest runs, counts, times of steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, text

from chatrec.db import records
from chatrec.db.records import RunRecord
from chatrec.pipeline.steps import BY_NAME
from chatrec_airflow.pages import plots

MAX_RUNS = 30
"""Maximum number of runs in a plot."""
MODELS = ("ensemble", "popularity")
"""Plotted models: the lists themselves, and their baseline."""
FIGURES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Read": (("extract", "users"), ("extract", "items"), ("extract", "interactions"), ("extract", "days read"),
             ("extract", "days")),
    "Embedded": (("embed", "texts embedded"),),
    "Carried over": (("embed", "texts known"),),
    "Quarantined": (("extract", "quarantined"),),
    "Listed": (("rank", "rows"), ("gate", "users listed"), ("rank", "items shown")),
}  # fmt: skip
"""Main counts of a run, by label: step and name."""


@dataclass(frozen=True)
class StepTime:
    """A step on the time line of its run."""

    title: str
    state: str
    seconds: float | None
    bar: plots.Bar


@dataclass(frozen=True)
class RunPage:
    """Everything about a run."""

    record: RunRecord
    checks: Sequence[Row[Any]]
    metrics: list[plots.Plot]
    figures: dict[str, list[tuple[str, int]]]
    quarantine: Sequence[Row[Any]]
    times: list[StepTime]
    counts: dict[str, dict[str, Any]]
    """All counts, by step."""


def read(connection: Connection, record: RunRecord) -> RunPage:
    """Read everything about a run."""
    steps = connection.execute(
        text("SELECT step, state, started_at, seconds, counts FROM run_steps WHERE run = :run ORDER BY started_at"),
        {"run": record.run},
    ).all()
    counts = {row.step: dict(row.counts) for row in steps}
    return RunPage(
        record,
        connection.execute(
            text("""
                SELECT name, ok, warned, value, threshold, message FROM run_checks
                WHERE run = :run ORDER BY ok, warned DESC, name
            """),
            {"run": record.run},
        ).all(),
        metrics(connection, record),
        _figures(counts),
        connection.execute(
            text("SELECT relation, reason, rows FROM quarantine_counts WHERE run = :run ORDER BY rows DESC"),
            {"run": record.run},
        ).all(),
        _times(record, steps),
        counts,
    )


def metrics(connection: Connection, record: RunRecord) -> list[plots.Plot]:
    """A plot of each metric of the whole holdout, over the runs up to this one."""
    rows = connection.execute(
        text("""
            WITH latest_runs AS (
                SELECT run, row_number() OVER (ORDER BY run) - 1 AS place
                FROM (SELECT run FROM runs WHERE run <= :run AND EXISTS (
                          SELECT FROM run_metrics m WHERE m.run = runs.run)
                      ORDER BY run DESC LIMIT :runs) AS latest
            )
            SELECT m.metric, m.model, n.place, m.value, (SELECT count(*) FROM latest_runs) AS runs
            FROM latest_runs n JOIN run_metrics m USING (run)
            WHERE m.model = ANY (:models) AND m.metric LIKE '%@10'
        """),
        {"run": record.run, "runs": MAX_RUNS, "models": list(MODELS)},
    ).all()
    values: dict[str, dict[str, list[float | None]]] = {}
    for metric, model, place, value, runs in rows:
        series = values.setdefault(metric, {})
        series.setdefault(model, [None] * runs)[place] = value
    ordered = sorted(values, key=lambda name: (name != "ndcg@10", name != "recall@10", name))
    drawn = (plots.lines(name, {c: values[name][c] for c in MODELS if c in values[name]}) for name in ordered)
    return [plot for plot in drawn if plot]


def _figures(counts: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[str, int]]]:
    figures = {
        word: [(name, counts[step][name]) for step, name in names if counts.get(step, {}).get(name) is not None]
        for word, names in FIGURES.items()
    }
    return {word: values for word, values in figures.items() if values}


def _times(record: RunRecord, steps: Sequence[Row[Any]]) -> list[StepTime]:
    """Times of the steps, including waits between steps, so that a resumed run shows its interruption."""
    begun = min((row.started_at for row in steps), default=record.started_at)
    placed = plots.bars([((row.started_at - begun).total_seconds(), row.seconds or 0) for row in steps])
    return [
        StepTime(BY_NAME[row.step].title if row.step in BY_NAME else row.step, row.state, row.seconds, bar)
        for row, bar in zip(steps, placed, strict=True)
    ]


def latest(connection: Connection) -> RunRecord | None:
    """The run that was started last, or None."""
    newest = records.latest(connection, 1)
    return newest[0] if newest else None
