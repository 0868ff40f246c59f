"""Contents of the page of a run: checks, metrics over the latest runs, results and times of steps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, text

from chatrec.console.labels import field_of, label, labelled
from chatrec.db import records
from chatrec.db.records import RunRecord, StepRecord
from chatrec.gate import Check
from chatrec.pipeline import RunResult
from chatrec.pipeline.steps import BY_NAME
from chatrec_airflow.pages import plots

MAX_RUNS = 30
"""Maximum number of runs in a plot."""
MODELS = ("ensemble", "popularity")
"""Plotted models: the lists themselves, and their baseline."""
FIGURES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Read": (("extract", "users"), ("extract", "items"), ("extract", "interactions"), ("extract", "days_read"),
             ("extract", "days")),
    "Embedded": (("embed", "texts_embedded"),),
    "Cached": (("embed", "texts_cached"),),
    "Quarantined": (("extract", "quarantined"),),
    "Listed": (("rank", "rows"), ("gate", "users_listed"), ("rank", "items_shown")),
}  # fmt: skip
"""Main numbers of a run, by label: step and field of its result."""


HIDDEN = "An error, which those who may edit chatrec_nightly see here."


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
    checks: Sequence[Check]
    metrics: list[plots.Plot]
    figures: dict[str, list[tuple[str, int]]]
    quarantine: Sequence[Row[Any]]
    times: list[StepTime]
    results: dict[str, dict[str, Any]]
    """Results of all steps, by step and label; the error of a failed one."""


def read(connection: Connection, record: RunRecord, errors: bool) -> RunPage:
    """Read everything about a run.

    Args:
        connection: Connection to chatrec's tables.
        record: Record of the run.
        errors: Whether to show messages of errors, which may name hosts and roles.
    """
    result = RunResult.read(connection, record.key)
    steps = list(result.steps.values())
    return RunPage(
        record if errors or record.state != "failed" else replace(record, verdict=HIDDEN),
        result.checks,
        metrics(connection, record),
        _figures(result.steps),
        connection.execute(
            text("SELECT relation, reason, rows FROM quarantine_counts WHERE run = :run ORDER BY rows DESC"),
            {"run": record.run},
        ).all(),
        _times(record, steps),
        {step.step: labelled(step.result) if step.result else {"error": step.error if errors else HIDDEN}
         for step in steps if step.result or step.error},
    )  # fmt: skip


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


def _figures(steps: Mapping[str, StepRecord]) -> dict[str, list[tuple[str, int]]]:
    figures = {}
    for title, paths in FIGURES.items():
        values = {path: field_of(steps[step].result, path) for step, path in paths if step in steps}
        figures[title] = [(label(path), value) for path, value in values.items() if value is not None]
    return {title: values for title, values in figures.items() if values}


def _times(record: RunRecord, steps: Sequence[StepRecord]) -> list[StepTime]:
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
