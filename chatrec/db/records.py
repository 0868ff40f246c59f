"""The record of runs in the database: what a person, a page or the next night asks about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from chatrec.errors import RunError

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
    """When the customer's tables were read."""
    finished_at: datetime | None
    published_at: datetime | None
    kept: bool
    verdict: str | None
    approval: str | None
    """Whether a person has to decide about the publish: "wanted", "approved", "rejected"; None: nobody is asked."""
    approval_by: str | None
    live: bool

    @property
    def seconds(self) -> float | None:
        """From the start to the end, if there is one."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at else None


def open_run(connection: Connection, key: str, started_by: str, settings: Mapping[str, Any]) -> RunRecord:
    """Records that a run begins, or goes on."""
    connection.execute(
        text("""
            INSERT INTO runs (key, started_by, settings) VALUES (:key, :by, :settings)
            ON CONFLICT (key) DO UPDATE
            SET settings = excluded.settings, state = 'running', finished_at = NULL, verdict = NULL
            WHERE runs.state <> 'published'
        """),
        {"key": key, "by": started_by, "settings": json.dumps(settings)},
    )
    return get(connection, key)


def get(connection: Connection, key: str) -> RunRecord:
    """The run with a key.

    Raises:
        RunError: there is none.
    """
    row = connection.execute(text(f"SELECT {COLUMNS} FROM runs r WHERE r.key = :key"), {"key": key}).first()
    if row is None:
        raise RunError(f"There is no run {key}. `chatrec runs` lists them.")
    return _record(row)


def by_number(connection: Connection, run: int) -> RunRecord:
    """The run with a number that exists."""
    return _record(connection.execute(text(f"SELECT {COLUMNS} FROM runs r WHERE r.run = :run"), {"run": run}).one())


def latest(connection: Connection, limit: int = 20) -> list[RunRecord]:
    """The newest runs, the newest first."""
    rows = connection.execute(
        text(f"SELECT {COLUMNS} FROM runs r ORDER BY r.started_at DESC, r.run DESC LIMIT :limit"),
        {"limit": limit},
    )
    return [_record(row) for row in rows]


def kept(connection: Connection) -> list[RunRecord]:
    """The runs whose lists can be read, the one published last first."""
    rows = connection.execute(
        text(f"SELECT {COLUMNS} FROM runs r WHERE r.kept ORDER BY r.published_at DESC, r.run DESC")
    )
    return [_record(row) for row in rows]


def live(connection: Connection) -> RunRecord | None:
    """The run that `recommendations` shows."""
    row = connection.execute(text(f"SELECT {COLUMNS} FROM runs r JOIN live_run l USING (run)")).first()
    return _record(row) if row else None


def interrupted(connection: Connection, started_by: str) -> RunRecord | None:
    """The newest run, if it was begun in this way, lately, and never ended: what it read is not yet old."""
    row = connection.execute(
        text(f"""
            SELECT {COLUMNS} FROM runs r
            WHERE r.state = 'running' AND r.started_by = :by AND r.started_at > now() - interval '12 hours'
              AND r.run = (SELECT max(run) FROM runs)
        """),
        {"by": started_by},
    ).first()
    return _record(row) if row else None


def end(connection: Connection, run: int, state: str, verdict: str) -> None:
    """Records how a run ended."""
    connection.execute(
        text("UPDATE runs SET state = :state, verdict = :verdict, finished_at = now() WHERE run = :run"),
        {"run": run, "state": state, "verdict": verdict},
    )


def set_approval(connection: Connection, run: int, approval: str | None, by: str | None = None) -> None:
    """Records that a person is to decide about the publish of a run, or has done so."""
    connection.execute(
        text("UPDATE runs SET approval = :approval, approval_by = :by WHERE run = :run"),
        {"run": run, "approval": approval, "by": by},
    )


def set_snapshot(connection: Connection, run: int, microseconds: int) -> None:
    """Records when the customer's tables were read, in microseconds since 1970."""
    connection.execute(
        text("UPDATE runs SET snapshot_at = to_timestamp(:seconds) WHERE run = :run"),
        {"run": run, "seconds": microseconds / 1_000_000},
    )


def give_up_others(connection: Connection, run: int, started_by: str) -> None:
    """Runs that were begun in the same way and never ended will not be gone on with."""
    connection.execute(
        text("""
            UPDATE runs SET state = 'failed', verdict = 'interrupted; a later run took its place',
                            finished_at = now()
            WHERE state = 'running' AND started_by = :by AND run <> :run
        """),
        {"run": run, "by": started_by},
    )


def step_begins(connection: Connection, run: int, step: str) -> None:
    """Records that a step is at work."""
    connection.execute(
        text("""
            INSERT INTO run_steps (run, step, state, started_at) VALUES (:run, :step, 'running', now())
            ON CONFLICT (run, step) DO UPDATE
            SET state = 'running', started_at = now(), seconds = NULL, counts = '{}'
        """),
        {"run": run, "step": step},
    )


def step_ends(
    connection: Connection, run: int, step: str, state: str, seconds: float, counts: Mapping[str, Any]
) -> None:
    """Records how a step ended."""
    connection.execute(
        text("""
            UPDATE run_steps SET state = :state, seconds = :seconds, counts = :counts
            WHERE run = :run AND step = :step
        """),
        {"run": run, "step": step, "state": state, "seconds": seconds, "counts": json.dumps(counts)},
    )


def steps(connection: Connection, run: int) -> list[Row[Any]]:
    """The steps of a run in the order in which they began: step, state, seconds, counts."""
    rows = connection.execute(
        text("SELECT step, state, seconds, counts FROM run_steps WHERE run = :run ORDER BY started_at"),
        {"run": run},
    )
    return list(rows)


def replace_checks(connection: Connection, run: int, checks: Sequence[Mapping[str, Any]]) -> None:
    """Stores the checks of a run: name, ok, value, threshold, message, warned."""
    connection.execute(text("DELETE FROM run_checks WHERE run = :run"), {"run": run})
    connection.execute(
        text("""
            INSERT INTO run_checks (run, name, ok, value, threshold, message, warned)
            VALUES (:run, :name, :ok, :value, :threshold, :message, :warned)
        """),
        [{"run": run, **check} for check in checks],
    )


def replace_metrics(connection: Connection, run: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
    """Stores the metrics of a run: values by channel and name."""
    connection.execute(text("DELETE FROM run_metrics WHERE run = :run"), {"run": run})
    rows = [
        {"run": run, "channel": channel, "metric": name, "value": value}
        for channel, values in metrics.items()
        for name, value in values.items()
    ]
    if rows:
        connection.execute(
            text("INSERT INTO run_metrics (run, channel, metric, value) VALUES (:run, :channel, :metric, :value)"),
            rows,
        )


def metrics(connection: Connection, run: int) -> dict[str, dict[str, float]]:
    """The metrics of a run, by channel and name."""
    rows = connection.execute(
        text("SELECT channel, metric, value FROM run_metrics WHERE run = :run ORDER BY channel, metric"),
        {"run": run},
    )
    found: dict[str, dict[str, float]] = {}
    for channel, name, value in rows:
        found.setdefault(channel, {})[name] = value
    return found


def _record(row: Row[Any]) -> RunRecord:
    values = dict(row._mapping)
    return RunRecord(**{**values, "live": bool(values["live"])})
