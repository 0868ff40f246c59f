"""Whether a person has to decide about a publish, what they are asked, and what they said.

The gate writes down that a decision is wanted, Airflow or the command line writes down what it was, and the publish
looks: so a night that nobody approved is not published, whoever calls the step.
"""

from dataclasses import dataclass

from sqlalchemy import Engine

from chatrec.config import Settings
from chatrec.config.settings import Approval
from chatrec.db import records
from chatrec.db.engine import open_database
from chatrec.errors import RunStopped
from chatrec.pipeline.runner import of_run
from chatrec.pipeline.step_cache import manifest_of
from chatrec.runs.run import Run


@dataclass(frozen=True)
class Question:
    """What a person is asked about a night."""

    key: str
    verdict: str
    """Of the checks, in one paragraph."""
    hours: float
    """How long they have."""


def asks(approval: Approval, warnings: int) -> bool:
    """Whether a night whose checks passed, some of them with a warning, needs a person's word."""
    return approval == "always" or (approval == "on_warning" and warnings > 0)


def question(settings: Settings, key: str) -> Question | None:
    """What to ask about a run whose checks passed; None if it may be published as it is, or will not be at all."""
    run = Run(settings.artifacts.root, key)
    chosen = of_run(settings, run)
    with open_database(settings, f"ask about {key}") as engine, engine.connect() as connection:
        record = records.get(connection, key)
    if record.approval in (None, "approved") or record.state == "published" or chosen.night.dry_run:
        return None
    return Question(key, str(manifest_of(run, "gate").counts["verdict"]), chosen.publish.approval_hours)


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
            records.end(connection, record.run, "stopped", f"Rejected by {by}; the night before stays live.")


def refuse_unapproved(engine: Engine, run: int, verdict: str) -> None:
    """Lets only what needs no approval, or has it, be published.

    Raises:
        RunStopped: a person has to decide first, or decided against it.
    """
    with engine.connect() as connection:
        record = records.by_number(connection, run)
    if record.approval in (None, "approved"):
        return
    why = f"was rejected by {record.approval_by}" if record.approval == "rejected" else "waits for approval"
    raise RunStopped(
        f"Run {record.key} {why}; the night before stays live. {verdict} "
        f"`chatrec run --run {record.key} --approve` publishes it."
    )
