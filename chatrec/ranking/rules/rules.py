"""The rules of a run as arrays over its items."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import numpy as np
import polars as pl

from chatrec.config import rules as settings
from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray, take
from chatrec.data.interactions import DAY, SECOND, Interactions
from chatrec.ranking.rules.constraints import admitted, pinned_slots
from chatrec.ranking.rules.items import codes_of, in_groups, matching_items, times_of

LEAST_FACTOR = 1e-20
"""Smallest factor of a decayed score. It stays above 0, so that lists stay full."""
FRESHNESS = "freshness"


@dataclass(frozen=True)
class Clock:
    """Reference times of a run, in microseconds since 1970."""

    taken: int
    """Time of the snapshot."""
    newest: int
    """Time of the newest event or search."""


@dataclass(frozen=True)
class Cap:
    """A maximum number of items with the same value per list."""

    codes: IntArray
    """Values of items as codes; see `codes_of`."""
    at_most: int


@dataclass(frozen=True)
class Pin:
    """An item at a fixed position."""

    item: int
    """Row of the item."""
    slot: int
    """Position, from 0."""


@dataclass(frozen=True)
class Returns:
    """Items that may be recommended again after an interaction."""

    items: BoolArray
    """bool for each item."""
    until: int
    """Time of the latest interaction that permits it, in microseconds since 1970."""

    def events(self, histories: Interactions) -> Array:
        """Returns the events that do not exclude their item, bool of shape (events,)."""
        returning: BoolArray = self.items[histories.items] & (histories.times <= self.until)
        return returning


@dataclass(frozen=True)
class Rules:
    """Rules of a run. Without arguments there are none."""

    allowed: BoolArray | None = None
    """Allowed items, bool of shape (items,); None allows all."""
    log_factors: FloatArray | None = None
    """Addition to the log score of each item, float32; None adds nothing."""
    caps: tuple[Cap, ...] = ()
    pins: tuple[Pin, ...] = ()
    repeat: bool | None = None
    """Whether items may be recommended again, within `returns`. None follows the settings of ranking."""
    returns: Returns | None = None
    """None permits all items."""

    @classmethod
    def of(cls, rules: settings.Rules, items: pl.DataFrame, clock: Clock) -> Self:
        """Evaluates the rules on a catalogue.

        Raises:
            SettingsError: If a rule names a column that does not exist.
        """
        times = times_of(items, rules.freshness.attribute, FRESHNESS) if rules.freshness.attribute else None
        now = clock.newest if times is None else _now(clock, times)
        return cls(
            _allowed(rules, items),
            _log_factors(rules, items, times, now),
            tuple(Cap(codes_of(items, cap.attribute, cap.name), cap.at_most) for cap in rules.caps),
            tuple(_pins(rules, items, clock.taken)),
            None if rules.repeat.policy == "auto" else rules.repeat.policy != "never",
            _returns(rules.repeat, items, now),
        )

    @property
    def shape_lists(self) -> bool:
        """Whether lists need more candidates than they have slots."""
        return bool(self.caps or self.pins)

    @property
    def pinned(self) -> Array:
        """Rows of the pinned items."""
        return np.array([pin.item for pin in self.pins], np.int32)

    def allowed_of(self, recommendable: BoolArray) -> Array:
        """Returns the given items that are also allowed, bool of shape (items,)."""
        return recommendable if self.allowed is None else recommendable & self.allowed

    def hidden_by_events(self, exclude_seen: bool, histories: Interactions) -> tuple[bool, Array | None]:
        """Returns whether seen items are excluded, and a mask of events that exclude nothing (None if all exclude).

        Args:
            exclude_seen: The setting `ranking.exclude_seen`.
            histories: Interactions of all users.
        """
        if self.repeat is None:
            return exclude_seen, None
        if self.repeat and self.returns is not None:
            return True, self.returns.events(histories)
        return not self.repeat, None

    def factors_of(self, items: IntArray) -> Array | np.float32:
        """Returns the addition to the log scores of items (rows of any shape; -1 for none)."""
        return np.float32(0) if self.log_factors is None else self.log_factors[items]

    def columns(
        self, items: IntArray, scores: FloatArray, n: int, tiers: IntArray | None = None, slack: int = 1
    ) -> Array:
        """Selects and orders the candidates of a list.

        Args:
            items: Items, users × candidates, padded with -1.
            scores: Scores, of the same shape; -inf for padding.
            n: Length of a list.
            tiers: Tiers, of the same shape. A lower tier is selected first, whatever the scores; None for a single
                tier.
            slack: Multiple of the caps, for selections that are made again later.

        Returns:
            Columns, users × at most n, in the order of the list, padded with -1.
        """
        possible = (items >= 0) & np.isfinite(scores)
        first = np.where(np.isin(items, self.pinned), -1, 0 if tiers is None else tiers)
        preference = np.lexsort((-scores, np.where(possible, first, np.iinfo(np.int32).max)), axis=1)
        preference = np.where(np.take_along_axis(possible, preference, 1), preference, -1)
        chosen = admitted(items, preference, [(cap.codes, slack * cap.at_most) for cap in self.caps], n)
        chosen = np.take_along_axis(chosen, np.argsort(-take(scores, chosen, -np.inf), axis=1, kind="stable"), 1)
        return pinned_slots(items, chosen, [(pin.item, pin.slot) for pin in self.pins])


def _allowed(rules: settings.Rules, items: pl.DataFrame) -> Array | None:
    if not rules.deny and not rules.allow:
        return None
    allowed = np.ones(len(items), bool)
    for rule in rules.allow:
        allowed &= matching_items(items, rule)
    for rule in rules.deny:
        allowed &= ~matching_items(items, rule)
    return allowed


def _log_factors(rules: settings.Rules, items: pl.DataFrame, times: Array | None, now: int) -> Array | None:
    if not rules.boosts and times is None:
        return None
    factors = np.zeros(len(items))
    for rule in rules.boosts:
        factors += np.where(matching_items(items, rule), np.log(rule.factor), 0)
    if times is not None:
        half_life = rules.freshness.span.total_seconds() * SECOND
        factors -= np.nan_to_num(np.maximum(now - times, 0)) / half_life * np.log(2)
    return np.maximum(factors, np.log(LEAST_FACTOR)).astype(np.float32)


def _now(clock: Clock, times: Array) -> int:
    """Returns the newest time before the snapshot, so that freshness also works on an old log."""
    past = times[times <= clock.taken] if clock.taken else times[np.isfinite(times)]
    return max(clock.newest, int(past.max(initial=0)))


def _pins(rules: settings.Rules, items: pl.DataFrame, taken: int) -> Iterator[Pin]:
    now = datetime.fromtimestamp(taken / SECOND, UTC)
    ids = items["item_id"].cast(pl.String)
    for rule in rules.pins:
        row = ids.index_of(rule.item)
        if rule.begins <= now < rule.ends and row is not None:
            yield Pin(row, rule.place - 1)


def _returns(rule: settings.Repeat, items: pl.DataFrame, now: int) -> Returns | None:
    if rule.policy not in ("always", "groups") or (rule.policy == "always" and not rule.after_days):
        return None
    chosen = in_groups(items, rule.groups) if rule.policy == "groups" else np.ones(len(items), bool)
    return Returns(chosen, now - int(rule.after_days * DAY))
