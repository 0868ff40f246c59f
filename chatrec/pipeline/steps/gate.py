"""The gate step: gathers the evidence, judges it, and writes the verdict where a person will look."""

import json

from sqlalchemy import Engine

from chatrec.config.settings import Approval
from chatrec.db import records
from chatrec.ensemble.holdout_candidates import METRICS
from chatrec.errors import RunStopped
from chatrec.extract.queries import BEYOND
from chatrec.gate import Evidence, judge, judge_fairness, verdict, warnings
from chatrec.gate.audit import audit
from chatrec.pipeline.context import Context
from chatrec.ranking.lists import RECOMMENDATIONS, SHORT
from chatrec.runs.run import Counts

ROWS_READ = ("users", "items", "interactions", "queries", BEYOND, "quarantined")
"""Counts of extraction that together are the rows that were looked at."""


def gate(context: Context) -> Counts:
    """Runs all checks and stores them.

    Raises:
        RunStopped: a check failed; the message says which and why.
    """
    assert context.database is not None
    engine = context.database
    measured = json.loads((context.of("ensemble") / METRICS).read_text(encoding="utf-8"))
    evidence = _evidence(context, measured["better than popularity"], engine)
    checks = judge(evidence, context.settings.checks)
    checks += judge_fairness((context.counts or {})["rank"].get("fairness", {}), context.settings.fairness)
    warned = len(warnings(checks))
    asked = asks(context.settings.publish.approval, warned)
    with engine.begin() as connection:
        records.replace_checks(connection, context.number, [check.as_row() for check in checks])
        records.replace_metrics(connection, context.number, measured["models"])
        records.set_approval(connection, context.number, "wanted" if asked else None)
    words = " ".join(filter(None, [verdict(checks), (context.counts or {})["ensemble"].get("privacy")]))
    if any(not check.ok for check in checks):
        raise RunStopped(words)
    return {"checks": len(checks), "warnings": warned, "users listed": evidence.audit.users, "verdict": words}


def asks(approval: Approval, warnings: int) -> bool:
    """Whether a run whose checks passed, some of them with a warning, needs a person's word."""
    return approval == "always" or (approval == "on_warning" and warnings > 0)


def _evidence(context: Context, better: list[float] | None, engine: Engine) -> Evidence:
    settings, histories = context.settings, context.snapshot.histories
    hides, returning = context.rules.hidden_by_events(settings.ranking.exclude_seen, histories)
    counts = context.counts or {}
    extracted, ranked = counts["extract"], counts["rank"]
    known = int((histories.lengths > 0).sum())
    live_users, live_rows = _live(engine)
    return Evidence(
        audit=audit(
            context.of("rank") / RECOMMENDATIONS,
            histories if returning is None else histories.only(~returning),
            context.listable,
            settings.ranking.top_n,
            hides,
        ),
        users=histories.users,
        recommendable=int(context.listable.sum()),
        known_users=known,
        known_by_fallback=max(known - ranked["users ensemble"], 0),
        rows_read=sum(extracted[name] for name in ROWS_READ),
        quarantined=extracted["quarantined"],
        exclude_seen=hides,
        short_by_caps=ranked.get(SHORT, 0),
        better_than_popularity=None if better is None else (better[0], better[1], better[2]),
        live_users=live_users,
        live_rows=live_rows,
    )


def _live(engine: Engine) -> tuple[int | None, int | None]:
    """Users and rows of the live run, as its own steps counted them."""
    with engine.connect() as connection:
        live = records.live(connection)
        counts = {step.step: step.counts for step in records.steps(connection, live.run)} if live else {}
    users = counts.get("gate", {}).get("users listed")
    return users, counts.get("rank", {}).get("rows")
