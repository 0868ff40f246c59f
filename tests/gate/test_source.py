"""What was read is compared with earlier runs before anything is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from chatrec.config.publish import Checks
from chatrec.gate import Check, failures, warnings
from chatrec.gate.source import EarlierReads, judge_source
from chatrec.runs.results import Contents, ExtractResult

CONTENTS = Contents(
    148, 140, 110, {"items.title": 120, "items.description": 120, "items.badge": 30, "users.town": 150}, 0.5, 2
)
READ = ExtractResult(
    users=150, items=120, interactions=1900, days=60, days_read=1, events_read=30, quarantined=0, contents=CONTENTS
)


def read(**changes: Any) -> ExtractResult:
    """What a usual run reads, with changes of counts or of the contents."""
    inside = {name: changes.pop(name) for name in list(changes) if hasattr(CONTENTS, name)}
    return replace(READ, contents=replace(CONTENTS, **inside), **changes)


def filled(**changes: int) -> Mapping[str, int]:
    return {**CONTENTS.filled, **{name.replace("__", "."): count for name, count in changes.items()}}


def judged(
    now: ExtractResult, published: Sequence[ExtractResult] = (READ,), live: ExtractResult | None = None, **checks: Any
) -> list[Check]:
    return judge_source(now, EarlierReads(live or (published[-1] if published else None), published), Checks(**checks))


def failed(*arguments: Any, **named: Any) -> list[str]:
    return [check.name for check in failures(judged(*arguments, **named))]


@pytest.mark.parametrize(
    ("now", "name", "words"),
    [
        (read(interactions=130), "events read", "130 in this run, 1,900 live: +93.2% lost, 50% allowed (checks.max_"),
        (read(users_with_history=10), "users with events", "10 in this run, 140 live"),
        (read(users=70), "users read", "70 in this run, 150 live"),
        (read(users_active=9), "active users", "9 in this run, 148 live"),
        (read(items=50), "items read", "50 in this run, 120 live"),
        (read(items_available=50), "available items", "50 in this run, 110 live"),
        (read(filled=filled(items__description=0)), "filled columns", "0% of source.items.description in this run, 1"),
        (read(filled=filled(users__town=9)), "filled columns", "6% of source.users.town in this run"),
        (read(newest_event_age=9.0), "newest event", "is 9.0 days old, and was 0.5 or more in the last"),
    ],
)  # fmt: skip
def test_a_loss_stops(now: ExtractResult, name: str, words: str) -> None:
    (check,) = failures(judged(now))
    assert check.name == name
    assert words in check.message


def test_all_losses_are_told_at_once_and_a_setting_allows_them() -> None:
    now = read(interactions=0, users_with_history=0, quarantine={"interactions: unknown user": 1900})
    assert failed(now) == ["some interactions", "events read", "users with events"]
    assert failed(now, max_row_drop=1) == []
    (check,) = [check for check in warnings(judged(now, max_row_drop=1)) if check.name == "some interactions"]
    assert check.message.startswith(
        "source.interactions gives no event (in quarantine: 1,900 rows of interactions (unknown user))"
    )


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (read(items=0, items_available=0, filled={}), "source.items gives no item (it selects no row)"),
        (read(users=0, users_with_history=0), "source.users gives no user (it selects no row)"),
        (read(items_available=0), "source.items gives no available item"),
        (read(users_active=0), "source.users gives no active user"),
    ],
)
def test_without_items_or_users_even_a_first_run_stops_whatever_is_allowed(now: ExtractResult, words: str) -> None:
    for published in ([], [READ]):
        first = failures(judged(now, published, max_row_drop=1))[0]
        assert first.message.startswith(words)


def test_a_first_run_has_nothing_to_compare_with() -> None:
    assert judged(READ, []) == []
    assert failed(read(interactions=0, users_with_history=0), []) == ["some interactions"]


@pytest.mark.parametrize(
    "now",
    [
        READ,
        read(newest_event_age=3.5),  # a weekend
        read(interactions=1000, users_with_history=75, items=62, items_available=60),  # a season
        read(interactions=90_000, users=9000, users_active=8900, users_with_history=8000,
             items=5000, items_available=4000,
             filled=filled(items__title=5000, items__description=5000, users__town=9000, items__badge=0)),
        read(filled=filled(items__badge=0)),  # a sale ended
        read(filled={"items.title": 120}),  # a column left the SELECT
        read(newest_event_age=None),
        replace(READ, contents=None),
    ],
)  # fmt: skip
def test_what_is_usual_does_not_stop(now: ExtractResult) -> None:
    assert failed(now) == []


def test_slow_losses_are_seen_by_the_median() -> None:
    fell = [READ, READ, READ, READ, read(interactions=1300)]
    assert failed(read(interactions=900), fell) == ["events read"]
    (check,) = failures(judged(read(interactions=900), fell))
    assert "900 in this run, 1,300 live, 1,900 in the median of the last published runs: +52.6% lost" in check.message


def test_a_loss_that_was_allowed_once_is_not_asked_about_again() -> None:
    smaller = read(interactions=200, users_with_history=20)
    assert failed(smaller, [READ] * 6) == ["events read", "users with events"]
    assert failed(smaller, [READ] * 6 + [smaller]) == []
    assert failed(read(interactions=90), [READ] * 6 + [smaller]) == ["events read"]


def test_the_live_run_counts_after_a_rollback() -> None:
    small = read(interactions=100)
    assert failed(small, [small, small], live=READ) == ["events read"]


@pytest.mark.parametrize(
    ("published", "changes", "stops"),
    [
        ([0.2, 0.3, 0.1], {}, True),
        ([], {}, False),  # a first run
        ([9000.0] * 7, {}, False),  # an old public log
        ([8.0, 8.5, 9.0], {"longest_pause": 7}, False),
        ([6.5, 7.0], {}, True),  # a feed that stopped a week ago
        ([0.2], {"longest_pause": 14}, False),  # a shop that closes for two weeks
    ],
)
def test_a_log_that_stands_still_stops(published: list[float], changes: dict[str, float], stops: bool) -> None:
    now = read(newest_event_age=10.0, **changes)
    before = [read(newest_event_age=age) for age in published]
    assert ("newest event" in failed(now, before)) == stops
    assert failed(now, before, max_event_age_days=30) == []


def test_a_smaller_loss_may_warn() -> None:
    (check,) = warnings(judged(read(interactions=1500), warn_row_drop=0.1))
    assert check.name == "events read"
    assert "checks.warn_row_drop" in check.message
