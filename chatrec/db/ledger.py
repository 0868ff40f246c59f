"""The ledger of privacy: a row for each release, and what all of them together have told."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Entry:
    """A row of `privacy_ledger`."""

    release: str
    """The name of its file."""
    run: int
    made_at: datetime
    epsilon: float
    delta: float
    mechanism: str
    deviation: float
    """Of the noise."""
    total_epsilon: float
    """Of this release and all before it."""
    key: str
    """Of the run."""
    nights: int
    """Published since then, with the run's own."""


def entries(connection: Connection) -> list[Entry]:
    """All rows, the oldest first."""
    rows = connection.execute(
        text("""
            SELECT l.*, r.key,
                   (SELECT count(*) FROM runs n WHERE n.run >= l.run AND n.published_at IS NOT NULL) AS nights
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
    """Records a release, before anything is made from it."""
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
