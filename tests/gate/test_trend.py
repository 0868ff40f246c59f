"""Lists and metrics are compared with those of earlier runs."""

from dataclasses import replace
from typing import Any

import pytest

from chatrec.config.publish import Checks
from chatrec.gate import failures, warnings
from chatrec.gate.earlier import Earlier
from chatrec.gate.trend import Metric, Trend, judge_trend

USUAL = Trend(
    personal_lists=140,
    earlier_personal_lists=Earlier(140, (150, 140)),
    list_change=0.4,
    earlier_list_changes=(0.3, 0.5, 0.4),
    metrics={"NDCG@10": Metric(0.3, (0.31, 0.29, 0.3))},
    holdout_users=1000,
)


def failed(trend: Trend, **changes: Any) -> list[str]:
    return [check.name for check in failures(judge_trend(trend, Checks(**changes)))]


def test_a_usual_run_passes() -> None:
    assert failed(USUAL) == []
    assert warnings(judge_trend(USUAL, Checks())) == []
    assert judge_trend(Trend(), Checks()) == []


def test_lists_that_became_a_fallback_stop() -> None:
    fallen = replace(USUAL, personal_lists=10)
    (check,) = failures(judge_trend(fallen, Checks()))
    assert check.message.startswith(
        "10 in this run, 140 live, 145 in the median of the last published runs: +93.1% lost"
    )
    assert failed(fallen, max_row_drop=1) == []


@pytest.mark.parametrize(
    ("earlier", "stops"),
    [
        ((0.3, 0.5, 0.4), True),
        ((0.3, 0.4), False),  # nothing usual yet
        ((1.0, 0.95, 0.97), False),  # news
        ((0.0, 0.0, 0.0), True),
    ],
)
def test_other_lists_for_all_stop_where_that_is_unusual(earlier: tuple[float, ...], stops: bool) -> None:
    changed = replace(USUAL, list_change=0.99, earlier_list_changes=earlier)
    assert failed(changed) == ["list changes"] * stops
    assert failed(changed, max_list_change=1) == []
    assert failed(replace(changed, list_change=None)) == []  # other settings


@pytest.mark.parametrize(
    ("now", "people", "warns"),
    [(0.3, 1000, False), (0.25, 1000, False), (0.2, 1000, True), (0.2, 8, False), (float("nan"), 1000, True)],
)
def test_a_metric_that_falls_warns_unless_chance_explains_it(now: float, people: int, warns: bool) -> None:
    metrics = {"NDCG@10": Metric(now, (0.31, 0.29, 0.3))}
    checks = judge_trend(replace(USUAL, metrics=metrics, holdout_users=people), Checks())
    assert failures(checks) == []
    assert [check.name for check in warnings(checks)] == ["NDCG@10 against earlier runs"] * warns
    if warns:
        assert "0.3000 in the median of the last 3 published runs" in warnings(checks)[0].message
