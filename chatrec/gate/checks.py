"""Checks of the lists before publishing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chatrec.config.fairness import Fairness as FairnessSettings
from chatrec.config.publish import Checks as CheckSettings
from chatrec.gate.check import Check, unless
from chatrec.gate.numbers import ABSURD
from chatrec.runs.results import FairnessResult

if TYPE_CHECKING:
    from chatrec.gate.audit import Audit


@dataclass(frozen=True)
class CheckInputs:
    """Values that the checks use."""

    audit: Audit
    users: int
    """Number of active users, whom lists are made for."""
    recommendable: int
    users_with_history: int
    """Number of active users with a history."""
    fallback_lists: int
    """Number of these users whose list came from a fallback."""
    rows_read: int
    quarantined: int
    exclude_seen: bool
    baseline: str
    """Label of the best baseline."""
    gain_over_baseline: tuple[float, float, float] | None
    """NDCG@10 minus that of the best baseline on held-out events, with the bounds of its 95 % interval; None without
    any."""
    holdout_users: int
    """Number of people with held-out events."""
    live_users: int | None
    live_rows: int | None
    """Rows of the live run; None if there is none."""
    same_lists: bool = False
    """Whether all users get the most popular items, which held-out events show ahead of personal lists."""
    short_by_caps: int = 0
    """Number of users whose list is short because of a cap."""
    wrong_numbers: Mapping[str, int] = field(default_factory=dict)
    """Numbers of the published tables that are not finite or absurd, counted by column."""


def judge(inputs: CheckInputs, settings: CheckSettings) -> list[Check]:
    """Runs all checks."""
    return [
        *_lists(inputs),
        *_against_live(inputs, settings),
        *_shares(inputs, settings),
        *_quality(inputs, settings),
    ]


def judge_fairness(result: FairnessResult | None, settings: FairnessSettings, tolerance: float) -> list[Check]:
    """Runs the fairness checks. Unless `fairness.stops` is set, failures become warnings.

    Args:
        result: Fairness of the step rank; None if fairness is not configured.
        settings: Thresholds.
        tolerance: Relative shortfall of the exposure that is allowed.
    """
    if result is None or settings.mode == "off":
        return []
    met, least = result.least_met, 1 - tolerance
    cost = 1 - result.ndcg / result.ndcg_without if result.ndcg_without else 0.0
    checks = [
        Check(
            "exposure", met >= least, met, least,
            f"{result.least_met_provider} has {met:.1%} of its owed exposure, the smallest share of "
            f"{result.providers:,} providers; {least:.0%} required (advanced.fairness.tolerance).",
        ),
        Check(
            "cost of fairness", cost <= settings.max_loss, cost, settings.max_loss,
            f"NDCG@10 on held-out events is {result.ndcg:.4f}, without prices {result.ndcg_without:.4f}: "
            f"{cost:.1%} less, {settings.max_loss:.0%} allowed (fairness.max_loss).",
        ),
    ]  # fmt: skip
    return checks if settings.stops else [check.as_warning() for check in checks]


def _lists(inputs: CheckInputs) -> Iterator[Check]:
    audit = inputs.audit
    yield Check(
        "some lists", audit.rows > 0, audit.rows, 1,
        f"{audit.rows:,} rows for {audit.users:,} of {inputs.users:,} users, "
        f"from {inputs.recommendable:,} available items.",
    )  # fmt: skip
    faults = {
        "full lists": (max(audit.not_full - inputs.short_by_caps, 0), "lists are shorter than they could be"),
        "no duplicates": (audit.duplicates, "rows repeat an item within a list"),
        "nothing unavailable": (audit.unavailable, "rows recommend an item that is not available"),
        "ranks in order": (audit.wrong_ranks, "rows have a wrong rank"),
    }
    if inputs.exclude_seen:
        faults["nothing seen"] = (audit.seen, "rows recommend an item that the user already has")
    for name, (count, description) in faults.items():
        yield Check(name, count == 0, count, 0, f"{count:,} {description}.")
    wrong = sum(inputs.wrong_numbers.values())
    columns = ", ".join(f"{count:,} of {name}" for name, count in inputs.wrong_numbers.items())
    yield Check(
        "finite scores", wrong == 0, wrong, 0,
        f"{wrong:,} numbers of the tables are not finite or absurd, beyond {ABSURD:,.0f}"
        f"{f' ({columns})' if columns else ''}.",
    )  # fmt: skip


def _against_live(inputs: CheckInputs, settings: CheckSettings) -> Iterator[Check]:
    audit = inputs.audit
    for name, now, before in (
        ("users against the live run", audit.users, inputs.live_users),
        ("rows against the live run", audit.rows, inputs.live_rows),
    ):
        if before:
            drop = 1 - now / before
            yield Check(
                name, drop <= settings.max_row_drop, drop, settings.max_row_drop,
                f"{now:,} in this run, {before:,} live: {drop:+.1%} lost, {settings.max_row_drop:.0%} allowed "
                f"(checks.max_row_drop).{unless(drop <= settings.warn_row_drop, 'warn_row_drop', settings)}",
                warned=drop > settings.warn_row_drop,
            )  # fmt: skip


def _shares(inputs: CheckInputs, settings: CheckSettings) -> Iterator[Check]:
    audit = inputs.audit
    coverage = audit.items_shown / max(min(inputs.recommendable, audit.rows), 1)
    required = f"{settings.min_coverage:.1%} required (checks.min_coverage)."
    popular = "all users get popular items, for which none is required (checks.min_coverage)."
    yield Check(
        "coverage", coverage >= settings.min_coverage or not audit.rows or inputs.same_lists,
        coverage, settings.min_coverage,
        f"{audit.items_shown:,} of {inputs.recommendable:,} available items are in some list, {coverage:.1%} of the "
        f"possible number; {popular if inputs.same_lists else required}"
        f"{unless(coverage >= settings.warn_coverage, 'warn_coverage', settings)}",
        warned=coverage < settings.warn_coverage,
    )  # fmt: skip
    fallback = inputs.fallback_lists / max(inputs.users_with_history, 1)
    yield Check(
        "fallback lists", fallback <= settings.max_fallback, fallback, settings.max_fallback,
        f"{inputs.fallback_lists:,} of {inputs.users_with_history:,} users with a history got a fallback "
        f"({fallback:.1%}); {settings.max_fallback:.0%} allowed (checks.max_fallback)."
        f"{unless(fallback <= settings.warn_fallback, 'warn_fallback', settings)}",
        warned=fallback > settings.warn_fallback,
    )  # fmt: skip
    bad = inputs.quarantined / max(inputs.rows_read, 1)
    yield Check(
        "quarantine", bad <= settings.max_quarantine, bad, settings.max_quarantine,
        f"{inputs.quarantined:,} of {inputs.rows_read:,} rows are in quarantine ({bad:.1%}); "
        f"{settings.max_quarantine:.0%} allowed (checks.max_quarantine)."
        f"{unless(bad <= settings.warn_quarantine, 'warn_quarantine', settings)}",
        warned=bad > settings.warn_quarantine,
    )  # fmt: skip


def _quality(inputs: CheckInputs, settings: CheckSettings) -> Iterator[Check]:
    if not settings.beats_baseline:
        return
    difference, low, high = inputs.gain_over_baseline or (0.0, 0.0, 0.0)
    compared = (
        f"NDCG@10 on the held-out events of {inputs.holdout_users:,} people is {difference:+.4f} [{low:+.4f}, "
        f"{high:+.4f}] against the best baseline, {inputs.baseline} (checks.beats_baseline)."
    )
    nothing = "No events could be held out, so the lists were not compared with a baseline (checks.beats_baseline)."
    yield Check(
        "not behind the best baseline", high >= 0, difference, 0,
        compared if inputs.gain_over_baseline else nothing,
        warned=settings.warn_baseline and (difference < 0 or not inputs.gain_over_baseline),
    )  # fmt: skip
