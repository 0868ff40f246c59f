"""The gate step: collects the inputs of all checks, runs them, and records their results."""

from sqlalchemy import Engine

from chatrec.config.publish import Approval
from chatrec.db import records
from chatrec.ensemble.holdout_metrics import HoldoutMetrics
from chatrec.errors import RunStopped
from chatrec.extract.data_shape import DataShape
from chatrec.gate import CheckInputs, judge, judge_fairness, verdict, warnings
from chatrec.gate.audit import audit
from chatrec.gate.numbers import wrong_numbers
from chatrec.gate.source import judge_source
from chatrec.gate.summary import summary
from chatrec.gate.trend import judge_trend
from chatrec.models.labels import label
from chatrec.models.registry import SAME_FOR_ALL
from chatrec.pipeline.context import Context
from chatrec.pipeline.earlier_runs import LiveRun, earlier_reads, trend_of
from chatrec.ranking.lists import RECOMMENDATIONS
from chatrec.runs.results import GateResult, RankResult


def gate(context: Context) -> GateResult:
    """Runs all checks and stores them.

    Raises:
        RunStopped: If a check fails. The message names the check and the reason.
    """
    assert context.database is not None
    engine = context.database
    measured = HoldoutMetrics.load(context.of("ensemble"))
    inputs = _inputs(context, measured, engine)
    trend, settings = trend_of(context, engine), context.settings.checks
    source = judge_source(context.results.extract, earlier_reads(engine, context.number), settings)
    checks = [*source, *judge(inputs, settings), *judge_trend(trend, settings)]
    tolerance = context.settings.advanced.fairness.tolerance
    checks += judge_fairness(context.results.rank.fairness, context.settings.fairness, tolerance)
    warned = len(warnings(checks))
    asked = asks(context.settings.publish.approval, warned)
    with context.writing() as connection:
        records.replace_checks(connection, context.number, [check.as_row() for check in checks])
        records.replace_metrics(connection, context.number, measured.models)
        records.set_approval(connection, context.number, "wanted" if asked else None)
    fitted = context.results.ensemble
    told = (
        fitted.release.decision
        if fitted.release
        else summary(fitted, DataShape.of(context.snapshot), context.settings.ranking.exclude_seen)
    )
    message = f"{verdict(checks)} {told}"
    if any(not check.ok for check in checks):
        raise RunStopped(message)
    return GateResult(
        checks=len(checks),
        warnings=warned,
        users_listed=inputs.audit.users,
        list_change=trend.list_change,
        verdict=message,
    )


def asks(approval: Approval, warnings: int) -> bool:
    """Returns whether a run with this number of warnings needs approval."""
    return approval == "always" or (approval == "on_warning" and warnings > 0)


def _inputs(context: Context, measured: HoldoutMetrics, engine: Engine) -> CheckInputs:
    settings, histories = context.settings, context.snapshot.histories
    hides, returning = context.rules.hidden_by_events(settings.ranking.exclude_seen, histories)
    extracted, ranked = context.results.extract, context.results.rank
    active = context.snapshot.active
    with_history = int((active & (histories.lengths > 0)).sum())
    live_users, live_rows = _live(engine, context.number)
    return CheckInputs(
        audit=audit(
            context.of("rank") / RECOMMENDATIONS,
            histories if returning is None else histories.only(~returning),
            context.listable,
            settings.ranking.top_n,
            hides,
            active,
        ),
        users=int(active.sum()),
        recommendable=int(context.listable.sum()),
        users_with_history=with_history,
        fallback_lists=max(with_history - ranked.users_ensemble, 0),
        rows_read=extracted.rows_read,
        quarantined=extracted.quarantined,
        exclude_seen=hides,
        short_by_caps=ranked.short_by_caps or 0,
        baseline=label(measured.baseline),
        gain_over_baseline=measured.gain_over_baseline,
        holdout_users=measured.people,
        same_lists=measured.published in SAME_FOR_ALL,
        live_users=live_users,
        live_rows=live_rows,
        wrong_numbers={**wrong_numbers(context.of("rank")), **wrong_numbers(context.of("tables"))},
    )


def _live(engine: Engine, number: int) -> tuple[int | None, int | None]:
    """Returns the numbers of users and rows of the live run, from the results of its steps."""
    with engine.connect() as connection:
        live = LiveRun.before(connection, number)
    listed, ranked = (live.result("gate", GateResult), live.result("rank", RankResult)) if live else (None, None)
    return listed.users_listed if listed else None, ranked.rows if ranked else None
