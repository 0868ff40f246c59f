"""The privacy ledger: a row per release, with the cumulative privacy loss."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Entry:
    """A row of `privacy_ledger`."""

    release: str
    """Name of its file."""
    run: int
    made_at: datetime
    epsilon: float
    delta: float
    mechanism: str
    deviation: float
    """Standard deviation of the noise."""
    total_epsilon: float
    """Cumulative epsilon of this release and all before it."""
    key: str
    """Key of the run."""
    runs: int
    """Number of runs published since then, including its own."""


def entries(connection: Connection) -> list[Entry]:
    """List the ledger, the oldest entry first."""
    rows = connection.execute(
        text("""
            SELECT l.*, r.key,
                   (SELECT count(*) FROM runs n WHERE n.run >= l.run AND n.published_at IS NOT NULL) AS runs
            FROM privacy_ledger l JOIN runs r USING (run) ORDER BY l.made_at, l.release
        """)
    )
    return [Entry(**row._mapping) for row in rows]


def charge(
    connection: Connection,
    release: str,
    run: int,
    epsilon: float,
    delta: float,
    mechanism: str,
    deviation: float,
    total_epsilon: float,
) -> None:
    """Record a release, before it is used."""
    connection.execute(
        text("""
            INSERT INTO privacy_ledger (release, run, epsilon, delta, mechanism, deviation, total_epsilon)
            VALUES (:release, :run, :epsilon, :delta, :mechanism, :deviation, :total_epsilon)
        """),
        {
            "release": release,
            "run": run,
            "epsilon": epsilon,
            "delta": delta,
            "mechanism": mechanism,
            "deviation": deviation,
            "total_epsilon": total_epsilon,
        },
    )
