"""The gate: planted faults are found, good lists pass, thresholds are thresholds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from chatrec.config.publish import Checks
from chatrec.gate import CheckInputs, judge, verdict, warnings
from chatrec.gate.audit import Audit, audit
from tests.support.histories import histories

ITEMS, ALL = 10, np.ones(3, bool)
HISTORIES = histories([[0, 1], [2], list(range(8))])
GOOD = pl.DataFrame(
    {
        "user": [0, 0, 0, 1, 1, 1, 2, 2],
        "rank": [1, 2, 3, 1, 2, 3, 1, 2],
        "item": [2, 3, 4, 5, 6, 7, 8, 9],
        "score": [0.3, 0.2, 0.1, 0.3, 0.2, 0.1, 0.5, 0.4],
    },
    schema={"user": pl.Int32, "rank": pl.Int16, "item": pl.Int32, "score": pl.Float32},
)


def examine(lists: pl.DataFrame, folder: Path, hidden: int | None = None, exclude_seen: bool = True) -> Audit:
    lists.write_parquet(folder / "lists.parquet")
    recommendable = np.arange(ITEMS) != hidden
    return audit(folder / "lists.parquet", HISTORIES, recommendable, 3, exclude_seen, ALL)


def test_good_lists_have_no_faults(tmp_path: Path) -> None:
    found = examine(GOOD, tmp_path)
    assert found == Audit(rows=8, users=3, items_shown=8)


def test_blocks_do_not_matter(tmp_path: Path) -> None:
    GOOD.write_parquet(tmp_path / "lists.parquet", row_group_size=2)
    found = audit(tmp_path / "lists.parquet", HISTORIES, np.ones(ITEMS, bool), 3, True, ALL)
    assert found == examine(GOOD, tmp_path)


def _replaced(column: str, row: int, value: float) -> pl.Series:
    values = GOOD[column].to_list()
    values[row] = value
    return pl.Series(column, values, GOOD.schema[column])


@pytest.mark.parametrize(
    ("lists", "fault"),
    [
        (GOOD.with_columns(_replaced("item", 1, 2)), "duplicates"),
        (GOOD.with_columns(_replaced("item", 0, 1)), "seen"),
        (GOOD.with_columns(_replaced("rank", 2, 4)), "wrong_ranks"),
        (GOOD[:-1], "not_full"),
        (GOOD[:3], "not_full"),
    ],
)
def test_a_planted_fault_is_found(lists: pl.DataFrame, fault: str, tmp_path: Path) -> None:
    found = examine(lists, tmp_path)
    assert getattr(found, fault) > 0
    others = {"duplicates", "seen", "wrong_ranks", "not_full", "unavailable"} - {fault}
    assert not any(getattr(found, other) for other in others)


def test_an_inactive_user_needs_no_list(tmp_path: Path) -> None:
    GOOD[:6].write_parquet(tmp_path / "lists.parquet")
    active = np.array([True, True, False])
    found = audit(tmp_path / "lists.parquet", HISTORIES, np.ones(ITEMS, bool), 3, True, active)
    assert found == Audit(rows=6, users=2, items_shown=6)
    assert examine(GOOD[:6], tmp_path).not_full == 1


def test_an_unavailable_item_is_found(tmp_path: Path) -> None:
    assert examine(GOOD, tmp_path, hidden=9).unavailable == 1


def test_repeats_may_be_allowed(tmp_path: Path) -> None:
    """Then a list of the third user should be full too."""
    assert examine(GOOD, tmp_path, exclude_seen=False).not_full == 1


INPUTS = CheckInputs(
    audit=Audit(rows=100, users=10, items_shown=40),
    users=10,
    recommendable=200,
    users_with_history=8,
    fallback_lists=0,
    rows_read=1000,
    quarantined=0,
    exclude_seen=True,
    baseline="item k-NN",
    gain_over_baseline=(0.05, 0.03, 0.07),
    holdout_users=8,
    live_users=10,
    live_rows=100,
)


def failed(inputs: CheckInputs, settings: Checks | None = None) -> list[str]:
    return [check.name for check in judge(inputs, settings or Checks()) if not check.ok]


def test_a_good_run_passes() -> None:
    checks = judge(INPUTS, Checks())
    assert failed(INPUTS) == []
    assert verdict(checks) == f"All {len(checks)} checks passed."


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        (replace(INPUTS, audit=Audit(), live_users=None, live_rows=None), "some lists"),
        (replace(INPUTS, audit=replace(INPUTS.audit, seen=1)), "nothing seen"),
        (replace(INPUTS, audit=replace(INPUTS.audit, duplicates=1)), "no duplicates"),
        (replace(INPUTS, wrong_numbers={"popular.score": 2}), "finite scores"),
        (replace(INPUTS, live_users=21), "users against the live run"),
        (replace(INPUTS, live_rows=201), "rows against the live run"),
        (replace(INPUTS, audit=replace(INPUTS.audit, items_shown=0)), "coverage"),
        (replace(INPUTS, fallback_lists=5), "fallback lists"),
        (replace(INPUTS, quarantined=501), "quarantine"),
        (replace(INPUTS, gain_over_baseline=(-0.02, -0.03, -0.01)), "not behind the best baseline"),
    ],
)
def test_each_check_can_fail(inputs: CheckInputs, name: str) -> None:
    assert failed(inputs) == [name]
    assert f"{name}: " in verdict(judge(inputs, Checks()))


def test_thresholds_are_settings() -> None:
    assert failed(replace(INPUTS, live_users=21), Checks(max_row_drop=0.6)) == []
    assert failed(replace(INPUTS, gain_over_baseline=(-1, -1, -1)), Checks(beats_baseline=False)) == []
    assert failed(replace(INPUTS, audit=replace(INPUTS.audit, seen=1), exclude_seen=False)) == []


def test_popular_lists_need_not_cover_the_catalogue() -> None:
    same = replace(INPUTS, audit=replace(INPUTS.audit, items_shown=0), same_lists=True)
    assert failed(same) == []
    assert "popular items" in next(check.message for check in judge(same, Checks()) if check.name == "coverage")


def test_without_held_out_events_the_check_says_so() -> None:
    unknown = replace(INPUTS, gain_over_baseline=None, holdout_users=0)
    check = next(check for check in judge(unknown, Checks()) if check.name == "not behind the best baseline")
    assert check.ok
    assert check.message.startswith("No events could be held out")
    assert [check.name for check in warnings(judge(unknown, Checks(warn_baseline=True)))] == [check.name]


def test_not_clearly_worse_is_good_enough() -> None:
    assert failed(replace(INPUTS, gain_over_baseline=(-0.01, -0.03, 0.01))) == []


@pytest.mark.parametrize(
    ("inputs", "changes", "name"),
    [
        (replace(INPUTS, live_users=12), {"warn_row_drop": 0.1}, "users against the live run"),
        (INPUTS, {"warn_coverage": 0.5}, "coverage"),
        (replace(INPUTS, fallback_lists=2), {"warn_fallback": 0.2}, "fallback lists"),
        (replace(INPUTS, quarantined=20), {"warn_quarantine": 0.01}, "quarantine"),
        (replace(INPUTS, gain_over_baseline=(-0.01, -0.03, 0.01)), {"warn_baseline": True},
         "not behind the best baseline"),
    ],
)  # fmt: skip
def test_a_check_may_pass_with_a_warning(inputs: CheckInputs, changes: dict[str, float], name: str) -> None:
    assert warnings(judge(inputs, Checks())) == []
    checks = judge(inputs, Checks(**changes))
    assert [check.name for check in warnings(checks)] == [name]
    assert failed(inputs, Checks(**changes)) == []
    assert verdict(checks).startswith(f"All {len(checks)} checks passed, 1 with a warning. {name}: ")
