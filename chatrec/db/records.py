"""Run records in the database, read by the command line, the pages and later runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from psycopg2.extensions import encodings
from sqlalchemy import Connection, Row, text

from chatrec.errors import RunError
from chatrec.runs.results import STEP_RESULTS, StepResult, load

R = TypeVar("R", bound=StepResult)
COLUMNS = """
    r.run, r.key, r.state, r.started_by, r.started_at, r.snapshot_at, r.finished_at, r.published_at, r.kept, r.verdict,
    r.approval, r.approval_by,
    r.run = (SELECT l.run FROM live_run l) AS live
"""


@dataclass(frozen=True)
class RunRecord:
    """A row of `runs`."""

    run: int
    key: str
    state: str
    started_by: str
    started_at: datetime
    snapshot_at: datetime | None
    """When the source tables were read."""
    finished_at: datetime | None
    published_at: datetime | None
    kept: bool
    verdict: str | None
    approval: str | None
    """State of the approval of the publish: "wanted", "approved" or "rejected"; None if none is required."""
    approval_by: str | None
    live: bool

    @property
    def seconds(self) -> float | None:
        """Seconds from start to end, or None if the run has not ended."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


@dataclass(frozen=True)
class StepRecord:
    """A row of `run_steps`."""

    step: str
    state: str
    """"running", "done" or "failed"."""
    started_at: datetime
    seconds: float | None
    result: StepResult | None
    """Result of a step that is done; None if another version of chatrec wrote it."""
    error: str | None
    """Message of the error of a failed step."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON values: the result, or the error."""
        return {"error": self.error} if self.error else self.result.to_dict() if self.result else {}


def open_run(connection: Connection, key: str, started_by: str, settings: Mapping[str, Any]) -> RunRecord:
    """Record that a run starts or resumes."""
    words = json.dumps(settings, ensure_ascii=False)
    connection.execute(
        text("""
            INSERT INTO runs (key, started_by, settings) VALUES (:key, :by, :settings)
            ON CONFLICT (key) DO UPDATE
            SET settings = excluded.settings, state = 'running', finished_at = NULL, verdict = NULL
            WHERE runs.state <> 'published'
        """),
        {"key": key, "by": started_by, "settings": _storable(connection, words)},
    )
    return get(connection, key)


def get(connection: Connection, key: str) -> RunRecord:
    """Get a run by its key.

    Raises:
        RunError: If there is none.
    """
    row = connection.execute(text(f"SELECT {COLUMNS} FROM runs r WHERE r.key = :key"), {"key": key}).first()
    if row is None:
        raise RunError(f"There is no run {key}. `chatrec runs` lists them.")
    return _record(row)


def by_number(connection: Connection, run: int) -> RunRecord:
    """Get a run by its number, which must exist."""
    return _record(connection.execute(text(f"SELECT {COLUMNS} FROM runs r WHERE r.run = :run"), {"run": run}).one())


def latest(connection: Connection, limit: int = 20) -> list[RunRecord]:
    """List the latest runs, the newest first."""
    rows = connection.execute(
        text(f"SELECT {COLUMNS} FROM runs r ORDER BY r.run DESC LIMIT :limit"),
        {"limit": limit},
    )
    return [_record(row) for row in rows]


def kept(connection: Connection) -> list[RunRecord]:
    """List the runs whose lists are kept, the latest published first."""
    rows = connection.execute(
        text(f"SELECT {COLUMNS} FROM runs r WHERE r.kept ORDER BY r.published_number DESC, r.run DESC")
    )
    return [_record(row) for row in rows]


def published_before_live(connection: Connection) -> RunRecord | None:
    """The kept run that was published before the live one, or None."""
    row = connection.execute(
        text(f"""
            SELECT {COLUMNS} FROM runs r
            WHERE r.kept AND r.published_number < (SELECT n.published_number FROM runs n JOIN live_run USING (run))
            ORDER BY r.published_number DESC LIMIT 1
        """)
    ).first()
    return _record(row) if row else None


def set_live(connection: Connection, run: int) -> None:
    """Record that a run is live, and when and after which others it was published first."""
    connection.execute(text("UPDATE live_run SET run = :run, since = now()"), {"run": run})
    connection.execute(
        text("""
            UPDATE runs SET kept = true, published_at = coalesce(published_at, now()),
                            published_number = coalesce(published_number,
                                                        (SELECT coalesce(max(published_number), 0) + 1 FROM runs))
            WHERE run = :run
        """),
        {"run": run},
    )


def live(connection: Connection) -> RunRecord | None:
    """The live run, whose lists `recommendations` shows, or None."""
    row = connection.execute(text(f"SELECT {COLUMNS} FROM runs r JOIN live_run l USING (run)")).first()
    return _record(row) if row else None


def interrupted(connection: Connection, started_by: str) -> RunRecord | None:
    """The newest run if it was started in this way within 12 hours and never ended, so its snapshot is recent.

    A start in the future says that the clock was wrong, and nothing about the age.
    """
    row = connection.execute(
        text(f"""
            SELECT {COLUMNS} FROM runs r
            WHERE r.state = 'running' AND r.started_by = :by
              AND r.started_at BETWEEN now() - interval '12 hours' AND now() AND r.run = (SELECT max(run) FROM runs)
        """),
        {"by": started_by},
    ).first()
    return _record(row) if row else None


def end(connection: Connection, run: int, state: str, verdict: str) -> None:
    """Record how a run ended."""
    connection.execute(
        text("UPDATE runs SET state = :state, verdict = :verdict, finished_at = now() WHERE run = :run"),
        {"run": run, "state": state, "verdict": _storable(connection, verdict)},
    )


def set_approval(connection: Connection, run: int, approval: str | None, by: str | None = None) -> None:
    """Record that the publish of a run requires approval, or the decision about it."""
    connection.execute(
        text("UPDATE runs SET approval = :approval, approval_by = :by WHERE run = :run"),
        {"run": run, "approval": approval, "by": by},
    )


def number_snapshot(connection: Connection, run: int) -> None:
    """Record that a run is the latest to read the source tables, whatever the clock says."""
    connection.execute(
        text("""
            UPDATE runs SET snapshot_number = (SELECT coalesce(max(snapshot_number), 0) + 1 FROM runs) WHERE run = :run
        """),
        {"run": run},
    )


def set_snapshot(connection: Connection, run: int, microseconds: int) -> None:
    """Record when the source tables were read, in microseconds since 1970."""
    connection.execute(
        text("UPDATE runs SET snapshot_at = to_timestamp(:seconds) WHERE run = :run"),
        {"run": run, "seconds": microseconds / 1_000_000},
    )


def read_after(connection: Connection, run: int) -> tuple[RunRecord | None, RunRecord | None]:
    """The live run if it read the source tables after another run, and if its clock said that it did.

    Args:
        connection: Connection to chatrec's tables.
        run: Number of the other run.

    Returns:
        The live run or None, by the order in which both read, and by the clock.
    """
    row = connection.execute(
        text("""
            SELECT coalesce(l.snapshot_number > m.snapshot_number, l.snapshot_at > m.snapshot_at, false),
                   coalesce(l.snapshot_at > m.snapshot_at, false)
            FROM live_run JOIN runs l USING (run), runs m WHERE m.run = :run
        """),
        {"run": run},
    ).first()
    record = live(connection)
    after, later = row or (False, False)
    return record if after else None, record if later else None


def fail_others(connection: Connection, run: int, started_by: str) -> None:
    """Mark other unfinished runs that were started in the same way as failed; they are not resumed."""
    connection.execute(
        text("""
            UPDATE runs SET state = 'failed', verdict = 'interrupted; a later run took its place',
                            finished_at = now()
            WHERE state = 'running' AND started_by = :by AND run <> :run
        """),
        {"run": run, "by": started_by},
    )


def step_begins(connection: Connection, run: int, step: str) -> int:
    """Record the start of a step. Returns the number of the attempt."""
    attempt = connection.scalar(
        text("""
            INSERT INTO run_steps (run, step, state, started_at) VALUES (:run, :step, 'running', now())
            ON CONFLICT (run, step) DO UPDATE
            SET state = 'running', started_at = now(), seconds = NULL, counts = '{}', attempt = run_steps.attempt + 1
            RETURNING attempt
        """),
        {"run": run, "step": step},
    )
    return int(attempt)


def step_ends(
    connection: Connection, run: int, step: str, state: str, seconds: float, counts: Mapping[str, Any]
) -> None:
    """Record the end of a step."""
    words = json.dumps(counts, ensure_ascii=False).replace("\\u0000", "?")
    connection.execute(
        text("""
            UPDATE run_steps SET state = :state, seconds = :seconds, counts = :counts
            WHERE run = :run AND step = :step
        """),
        {"run": run, "step": step, "state": state, "seconds": seconds, "counts": _storable(connection, words)},
    )


def steps(connection: Connection, run: int) -> list[StepRecord]:
    """List the steps of a run, in the order of their start."""
    rows = connection.execute(
        text("SELECT step, state, started_at, seconds, counts FROM run_steps WHERE run = :run ORDER BY started_at"),
        {"run": run},
    )
    return [
        StepRecord(
            row.step,
            row.state,
            row.started_at,
            row.seconds,
            load(STEP_RESULTS.get(row.step), row.counts) if row.state == "done" else None,
            row.counts.get("error"),
        )
        for row in rows
    ]


def published(connection: Connection, kind: type[R], limit: int, without: int) -> list[R]:
    """List the results of one step in the last published runs, the oldest first. Those of other versions are left out.

    Args:
        connection: Connection to the database.
        kind: Class of the results.
        limit: Maximum number of runs.
        without: Number of a run that is left out.
    """
    name = next(step for step, other in STEP_RESULTS.items() if other is kind)
    rows = connection.execute(
        text("""
            SELECT s.counts FROM run_steps s JOIN runs r USING (run)
            WHERE r.published_at IS NOT NULL AND r.run <> :without AND s.state = 'done' AND s.step = :step
            ORDER BY r.published_at DESC, r.run DESC LIMIT :limit
        """),
        {"step": name, "limit": limit, "without": without},
    )
    results = (load(kind, row.counts) for row in rows)
    return [result for result in results if result is not None][::-1]


def settings(connection: Connection, run: int) -> dict[str, Any]:
    """Settings of a run, as it was begun."""
    values: dict[str, Any] = connection.scalar(text("SELECT settings FROM runs WHERE run = :run"), {"run": run}) or {}
    return values


def checks(connection: Connection, run: int) -> list[Row[Any]]:
    """List name, ok, value, threshold, message and warned of the checks of a run, failures and warnings first."""
    rows = connection.execute(
        text("""
            SELECT name, ok, value, threshold, message, warned FROM run_checks
            WHERE run = :run ORDER BY ok, warned DESC, name
        """),
        {"run": run},
    )
    return list(rows)


def replace_checks(connection: Connection, run: int, checks: Sequence[Mapping[str, Any]]) -> None:
    """Store the checks of a run: name, ok, value, threshold, message, warned."""
    connection.execute(text("DELETE FROM run_checks WHERE run = :run"), {"run": run})
    connection.execute(
        text("""
            INSERT INTO run_checks (run, name, ok, value, threshold, message, warned)
            VALUES (:run, :name, :ok, :value, :threshold, :message, :warned)
        """),
        [{"run": run, **check} for check in checks],
    )


def replace_metrics(connection: Connection, run: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
    """Store the metrics of a run: values by model and name."""
    connection.execute(text("DELETE FROM run_metrics WHERE run = :run"), {"run": run})
    rows = [
        {"run": run, "model": model, "metric": name, "value": value}
        for model, values in metrics.items()
        for name, value in values.items()
    ]
    if rows:
        connection.execute(
            text("INSERT INTO run_metrics (run, model, metric, value) VALUES (:run, :model, :metric, :value)"),
            rows,
        )


def metrics(connection: Connection, run: int) -> dict[str, dict[str, float]]:
    """Metrics of a run, by model and name."""
    rows = connection.execute(
        text("SELECT model, metric, value FROM run_metrics WHERE run = :run ORDER BY model, metric"),
        {"run": run},
    )
    values: dict[str, dict[str, float]] = {}
    for model, name, value in rows:
        values.setdefault(model, {})[name] = value
    return values


def _storable(connection: Connection, words: str) -> str:
    """Text with a question mark for each character that the database cannot hold, such as NUL."""
    driver: Any = connection.connection.driver_connection
    codec = encodings.get(driver.info.parameter_status("server_encoding"), "ascii")
    return words.replace("\0", "?").encode(codec, "replace").decode(codec)


def _record(row: Row[Any]) -> RunRecord:
    values = dict(row._mapping)
    return RunRecord(**{**values, "live": bool(values["live"])})
