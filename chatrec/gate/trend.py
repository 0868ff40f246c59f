"""Checks of the lists and metrics of a run against earlier runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import median

from chatrec.config.publish import Checks as CheckSettings
from chatrec.gate.check import Check
from chatrec.gate.earlier import RUNS, Earlier, judge_loss

FEWEST_CHANGES = 3
"""Runs after which the usual change of lists is known."""
ERRORS = 2
"""Standard errors that a metric falls by chance."""


@dataclass(frozen=True)
class Metric:
    """A metric on held-out events, in this run and in the last published ones, the oldest first."""

    now: float
    published: Sequence[float]


@dataclass(frozen=True)
class Trend:
    """Values of a run beside those of earlier runs."""

    personal_lists: int = 0
    """Number of lists that are not a fallback."""
    earlier_personal_lists: Earlier = field(default_factory=Earlier)
    list_change: float | None = None
    """Share of list places whose item was not in the user's live list; None if settings changed since the live run."""
    earlier_list_changes: Sequence[float] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    """Metrics by name."""
    holdout_users: int = 0
    """Number of people with held-out events."""


def judge_trend(trend: Trend, settings: CheckSettings) -> list[Check]:
    """Runs the checks."""
    lists = judge_loss("personal lists", trend.personal_lists, trend.earlier_personal_lists, settings)
    return [*lists, *_changes(trend, settings), *_metrics(trend, settings)]


def _changes(trend: Trend, settings: CheckSettings) -> Iterator[Check]:
    """Yields the check of changed lists, unless the usual change is unknown or larger than what is allowed."""
    change, earlier = trend.list_change, trend.earlier_list_changes
    if change is None or len(earlier) < FEWEST_CHANGES or median(earlier) > settings.max_list_change:
        return
    yield Check(
        "list changes", change <= settings.max_list_change, change, settings.max_list_change,
        f"{change:.0%} of the list places have an item that the user's live list does not have, {median(earlier):.0%} "
        f"in the median of the last {len(earlier)} published runs; {settings.max_list_change:.0%} allowed "
        "(checks.max_list_change).",
    )  # fmt: skip


def _metrics(trend: Trend, settings: CheckSettings) -> Iterator[Check]:
    """Yields the check of each metric. It warns and never fails.

    The variance of values in [0, 1] with mean m is at most m (1 - m), which bounds the standard error of m.
    """
    for name, metric in trend.metrics.items():
        if not metric.published or not (usual := median(metric.published[-RUNS:])):
            continue
        fall, error = 1 - metric.now / usual, sqrt(usual * (1 - usual) / max(trend.holdout_users, 1))
        yield Check(
            f"{name} against earlier runs", True, fall, settings.warn_metric_drop,
            f"{name} on the held-out events of {trend.holdout_users:,} people is {metric.now:.4f}, and {usual:.4f} in "
            f"the median of the last {len(metric.published)} published runs: {fall:+.0%} lost. The warning threshold "
            f"is {settings.warn_metric_drop:.0%} (checks.warn_metric_drop), and more than chance explains.",
            warned=not fall <= settings.warn_metric_drop and not usual - metric.now <= ERRORS * error,
        )  # fmt: skip
