"""What a person is asked about a publish, and what they said.

The gate writes down that a decision is wanted, Airflow or the command line writes down what it was, and the publish
looks: so a run that nobody approved is not published, whoever calls the step.
"""

from dataclasses import dataclass

from chatrec.config import Settings
from chatrec.db import records
from chatrec.db.engine import open_database
from chatrec.pipeline.run_settings import options_of, settings_of
from chatrec.runs.results import GateResult
from chatrec.runs.run import Run


@dataclass(frozen=True)
class Question:
    """What a person is asked about a run."""

    key: str
    verdict: str
    """Of the checks, in one paragraph."""
    hours: float
    """How long they have."""


def question(settings: Settings, key: str) -> Question | None:
    """What to ask about a run whose checks passed; None if it may be published as it is, or will not be at all."""
    run = Run(settings.artifacts.root, key)
    chosen = settings_of(settings, run)
    with open_database(settings, f"ask about {key}") as engine, engine.connect() as connection:
        record = records.get(connection, key)
    if record.approval in (None, "approved") or record.state == "published" or options_of(run).dry_run:
        return None
    return Question(key, run.result("gate", GateResult).verdict, chosen.publish.approval_hours)


def answer(settings: Settings, key: str, approved: bool, by: str) -> None:
    """Writes down what was decided about a run; a rejected one has ended.

    Args:
        settings: for the connection.
        key: of the run.
        approved: or rejected.
        by: who.
    """
    with open_database(settings, f"decide about {key}") as engine, engine.begin() as connection:
        record = records.get(connection, key)
        records.set_approval(connection, record.run, "approved" if approved else "rejected", by)
        if not approved:
            records.end(connection, record.run, "stopped", f"Rejected by {by}; the previous run stays live.")
