"""Approval of a publish: the question to a person, and the answer.

The gate records that approval is required, Airflow or the command line records the decision, and the publish step reads
it. So an unapproved run is not published, wherever the step is called from.
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
    """A question to a person, whether a run may be published."""

    key: str
    verdict: str
    """Verdict of the checks, as a paragraph."""
    hours: float
    """Time for an answer, in hours."""


def question(settings: Settings, key: str) -> Question | None:
    """Returns the question about a run whose checks passed; None if it needs no approval or will not be published."""
    run = Run(settings.artifacts.root, key)
    chosen = settings_of(settings, run)
    with open_database(settings, f"ask about {key}") as engine, engine.connect() as connection:
        record = records.get(connection, key)
    if record.approval in (None, "approved") or record.state == "published" or options_of(run).dry_run:
        return None
    return Question(key, run.result("gate", GateResult).verdict, chosen.publish.approval_hours)


def answer(settings: Settings, key: str, approved: bool, by: str) -> None:
    """Records the decision about a run. A rejected run ends.

    Args:
        settings: Settings of the installation.
        key: Key of the run.
        approved: Whether the run may be published.
        by: Name of the person who decided.
    """
    with open_database(settings, f"decide about {key}") as engine, engine.begin() as connection:
        record = records.get(connection, key)
        records.set_approval(connection, record.run, "approved" if approved else "rejected", by)
        if not approved:
            records.end(connection, record.run, "stopped", f"Rejected by {by}; the previous run stays live.")
