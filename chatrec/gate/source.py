"""Checks of what a run has read, against earlier runs. They are made before anything is trained."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from chatrec.config.publish import Checks as CheckSettings
from chatrec.extract.data_shape import invalid_rows
from chatrec.gate.check import Check
from chatrec.gate.earlier import Earlier, judge_loss
from chatrec.runs.results import ExtractResult

MOSTLY = 0.5
"""Share of rows with a value from which a column must keep its values."""
EMPTY: Mapping[str, str] = {"users": "user", "items": "item", "interactions": "event"}
"""Rows that each SELECT must give."""
COUNTS: Mapping[str, Callable[[ExtractResult], int | None]] = {
    "events read": lambda read: read.interactions,
    "users with events": lambda read: read.contents.users_with_history if read.contents else None,
    "users read": lambda read: read.users,
    "active users": lambda read: read.contents.users_active if read.contents else None,
    "items read": lambda read: read.items,
    "available items": lambda read: read.contents.items_available if read.contents else None,
}


@dataclass(frozen=True)
class EarlierReads:
    """Rows that earlier runs have read."""

    live: ExtractResult | None = None
    published: Sequence[ExtractResult] = ()
    """Those of the last published runs, the oldest first."""


def judge_source(read: ExtractResult, earlier: EarlierReads, settings: CheckSettings) -> list[Check]:
    """Runs the checks of what was read.

    Args:
        read: Result of the step extract.
        earlier: Results of the same step in earlier runs.
        settings: Thresholds.
    """
    return [
        *_empty(read, settings),
        *_counts(read, earlier, settings),
        *_columns(read, earlier, settings),
        *_newest_event(read, earlier, settings),
    ]


def _empty(read: ExtractResult, settings: CheckSettings) -> Iterator[Check]:
    for relation, one in EMPTY.items():
        if getattr(read, relation):
            continue
        allowed = relation == "interactions" and settings.max_row_drop == 1
        why = invalid_rows(read, relation)
        yield Check(
            f"some {relation}", allowed, 0, 1,
            f"source.{relation} gives no {one} ({f'in quarantine: {why}' if why else 'it selects no row'}): fill the "
            "table that it reads, correct its WHERE, or let the role of the connection see its rows, which row-level "
            "security hides without an error."
            f"{' checks.max_row_drop = 1 allows a run without events.' if relation == 'interactions' else ''}",
            warned=allowed,
        )  # fmt: skip
    if read.users and read.contents and not read.contents.users_active:
        yield Check(
            "some active user", False, 0, 1,
            f"source.users gives no active user: `active` is false for all {read.users:,}, and lists are made for "
            "active users only.",
        )  # fmt: skip
    if read.items and read.contents and not read.contents.items_available:
        yield Check(
            "some available item", False, 0, 1,
            f"source.items gives no available item: `available` is false for all {read.items:,}, and lists have "
            "available items only.",
        )  # fmt: skip


def _counts(read: ExtractResult, earlier: EarlierReads, settings: CheckSettings) -> Iterator[Check]:
    for name, count in COUNTS.items():
        now = count(read)
        if now is not None:
            before = Earlier.of(count(earlier.live) if earlier.live else None, map(count, earlier.published))
            yield from judge_loss(name, now, before, settings)


def _columns(read: ExtractResult, earlier: EarlierReads, settings: CheckSettings) -> Iterator[Check]:
    """Yields the check of the column of users or items that lost the largest share of its values."""
    live, published = _shares(earlier.live), [_shares(run) for run in earlier.published]
    checks: list[Check] = []
    for name, share in _shares(read).items():
        before = Earlier.of(live.get(name), (run.get(name) for run in published))
        if max(before.live or 0, *before.published, 0) >= MOSTLY:
            checks += judge_loss("filled columns", share, before, settings, partial(_of_column, name))
    yield from sorted(checks, key=lambda check: -check.value)[:1]


def _of_column(name: str, share: float) -> str:
    return f"{share:.0%} of source.{name}"


def _newest_event(read: ExtractResult, earlier: EarlierReads, settings: CheckSettings) -> Iterator[Check]:
    """Yields the check of the age of the newest event, if an earlier run found a newer one than is required."""
    if read.contents is None or read.contents.newest_event_age is None:
        return
    age, pause = read.contents.newest_event_age, read.contents.longest_pause or 0
    allowed = max(settings.max_event_age_days, pause)
    ages = [run.contents.newest_event_age for run in earlier.published if run.contents]
    before = [age for age in ages if age is not None]
    if not before or min(before) > allowed:
        return
    yield Check(
        "newest event", age <= allowed, age, allowed,
        f"The newest event is {age:.1f} days old, and was {min(before):.1f} or more in the last published runs; "
        f"{allowed:g} allowed, which is the larger of {settings.max_event_age_days:g} "
        f"(checks.max_event_age_days) and the longest pause in a year, {pause:g}.",
    )  # fmt: skip


def _shares(read: ExtractResult | None) -> dict[str, float]:
    """Returns the share of rows with a value, by column."""
    if read is None or read.contents is None:
        return {}
    rows = {"users": read.users, "items": read.items}
    filled = read.contents.filled.items()
    return {name: count / rows[name.partition(".")[0]] for name, count in filled if rows[name.partition(".")[0]]}
