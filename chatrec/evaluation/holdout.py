"""Holdouts: events removed from a snapshot to select and evaluate models before a run is published.

The target is a setting, because it cannot be inferred from the log:
next_item    the user's next event: the last event of a sample of users;
next_period  the events of the next stretch of time: all events after the 80 % quantile of time;
random       missing events, if order carries no information: a tenth of the events of a sample of users.

A small log holds out several times, each time from what the holdout before has left, so that more users are measured.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.config.ranking import Target
from chatrec.data.arrays import Array, BoolArray, IntArray
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch, batches
from chatrec.evaluation import metrics

USERS_AT_MOST = 10_000
USERS_AT_LEAST, SHARE_OF_EVENTS = 1_000, 0.01
PERIOD_FROM, EARLIER_PERIOD_FROM = 0.8, 0.9
"""Quantiles of time from which events are held out: in the first window, and in each of the windows before it."""
MOST_OF_A_PERIOD = 0.5
"""If a single instant has a larger share of events, as after an import, times carry no information and the last events
are held out."""
SHARE_OF_ANY, EVENTS_FOR_ANY = 0.1, 5
ENOUGH_USERS, MOST_WINDOWS = 500, 3
"""Number of held-out users, counted in each window, from which one more window is not needed; and the limit."""
CELLS_OF_A_BLOCK = 4_000_000
K = 10


@dataclass(frozen=True)
class Holdout:
    """The remaining histories, and the targets that lists should rank high."""

    histories: Interactions
    """Interactions of all users without the held-out events, for fitting."""
    users: IntArray
    """Users with targets; each has events left."""
    starts: IntArray
    """Offsets: the targets of the n-th of these users are `targets[starts[n]:starts[n + 1]]`."""
    targets: IntArray
    """Rows of items, without duplicates per user."""
    recommendable: BoolArray
    """Availability of items, bool of shape (items,)."""
    exclude_seen: bool

    def __len__(self) -> int:
        return len(self.users)

    @property
    def relevant(self) -> Array:
        """Number of targets of each user."""
        return np.diff(self.starts)

    @cached_property
    def listable(self) -> BoolArray:
        """Items that lists may contain: available ones with events, or all available ones if none has any."""
        taken = np.zeros(len(self.recommendable), bool)
        taken[self.histories.items] = True
        warm: BoolArray = self.recommendable & taken
        return warm if warm.any() else self.recommendable

    def batches(self) -> Iterator[UserBatch]:
        """Yields batches of the users to score."""
        size = max(1, CELLS_OF_A_BLOCK // max(len(self.recommendable), 1))
        return batches(self.histories, self.users, self.listable, self.exclude_seen, size)

    def hits(self, lists: IntArray) -> metrics.Hits:
        """Returns the slots that hold a target, for lists of shape users × slots, padded with -1."""
        width = np.int64(len(self.recommendable))
        wanted = np.repeat(np.arange(len(self)), self.relevant) * width + self.targets
        return np.isin(np.arange(len(self))[:, None] * width + lists, wanted) & (lists >= 0)

    def lists(self, score: Callable[[UserBatch], Array]) -> Array:
        """Makes lists from scores.

        Args:
            score: Function from a batch to scores, users × items; higher is better.

        Returns:
            Lists, users × K, padded with -1.
        """
        lists: list[IntArray] = [np.empty((0, min(K, len(self.recommendable))), np.int32)]
        lists += [batch.best(score(batch), K)[0] for batch in self.batches()]
        return np.concatenate(lists)

    def ndcg(self, score: Callable[[UserBatch], Array]) -> metrics.Floats:
        """Returns NDCG@10 of each user."""
        return metrics.ndcg(self.hits(self.lists(score)), self.relevant)


def hold_out(
    histories: Interactions, recommendable: BoolArray, exclude_seen: bool, target: Target, seed: int
) -> Holdout:
    """Chooses the held-out events.

    Args:
        histories: Interactions of all users.
        recommendable: Availability of items, bool of shape (items,).
        exclude_seen: Whether items that the user had before are excluded from lists and targets.
        target: Events that a list should predict.
        seed: Seed of the sample of users.

    Returns:
        A holdout of at most USERS_AT_MOST users.
    """
    return _hold_out(histories, recommendable, exclude_seen, target, seed, PERIOD_FROM)


def windows(
    histories: Interactions, recommendable: BoolArray, exclude_seen: bool, target: Target, seed: int
) -> list[Holdout]:
    """Chooses one holdout or more, until ENOUGH_USERS are held out. Arguments as in `hold_out`.

    Returns:
        At most MOST_WINDOWS holdouts with users, the latest events first; none if no event can be held out.
    """
    found: list[Holdout] = []
    while len(found) < MOST_WINDOWS and sum(map(len, found)) < ENOUGH_USERS:
        since = EARLIER_PERIOD_FROM if found else PERIOD_FROM
        held = _hold_out(histories, recommendable, exclude_seen, target, seed + len(found), since)
        if not len(held):
            break
        found.append(held)
        histories = held.histories
    return found


def hold_items_out(histories: Interactions, hidden: BoolArray, seed: int) -> Holdout:
    """Holds out all events of some items, as if these were cold. Lists contain no other items.

    Args:
        histories: Interactions of all users.
        hidden: Hidden items, bool of shape (items,).
        seed: Seed of the sample of users.

    Returns:
        A holdout of at most USERS_AT_MOST users.
    """
    return _without(hidden[histories.items], histories, hidden, True, np.random.default_rng(seed))


def _hold_out(
    histories: Interactions, recommendable: BoolArray, exclude_seen: bool, target: Target, seed: int, since: float
) -> Holdout:
    random = np.random.default_rng(seed)
    if target == "next_item":
        held_out = _last_events(histories, random)
    elif target == "next_period":
        held_out = _period_events(histories, random, since)
    else:
        held_out = _random_events(histories, random)
    return _without(held_out, histories, recommendable, exclude_seen, random)


def _without(
    held_out: BoolArray,
    histories: Interactions,
    recommendable: BoolArray,
    exclude_seen: bool,
    random: np.random.Generator,
) -> Holdout:
    left = histories.only(~held_out)
    users, targets = histories.event_users[held_out], histories.items[held_out]
    good = recommendable[targets] & (left.lengths[users] > 0)
    if exclude_seen:
        good &= ~_among(users, targets, left, len(recommendable))
    pairs = np.unique(users[good] * np.int64(len(recommendable)) + targets[good])
    users, targets = np.divmod(pairs, max(len(recommendable), 1))
    scored = _sample(np.unique(users), USERS_AT_MOST, random)
    kept = np.isin(users, scored)
    starts = np.searchsorted(users[kept], np.append(scored, histories.users))
    return Holdout(left, scored, starts, targets[kept].astype(np.int32), recommendable, exclude_seen)


def _last_events(histories: Interactions, random: np.random.Generator) -> Array:
    most = min(USERS_AT_MOST, max(USERS_AT_LEAST, int(SHARE_OF_EVENTS * len(histories.items))))
    users = _sample(np.flatnonzero(histories.lengths >= 2), most, random)
    held_out = np.zeros(len(histories.items), bool)
    held_out[histories.starts[users + 1] - 1] = True
    return held_out


def _period_events(histories: Interactions, random: np.random.Generator, since: float) -> Array:
    if not len(histories.times):
        return np.zeros(0, bool)
    held_out: BoolArray = histories.times >= np.quantile(histories.times, since)
    return held_out if held_out.mean() <= MOST_OF_A_PERIOD else _last_events(histories, random)


def _random_events(histories: Interactions, random: np.random.Generator) -> Array:
    users = _sample(np.flatnonzero(histories.lengths >= EVENTS_FOR_ANY), USERS_AT_MOST, random)
    chosen = np.zeros(histories.users, bool)
    chosen[users] = True
    chance = np.where(chosen[histories.event_users], random.random(len(histories.items)), 1.0)
    return chance < SHARE_OF_ANY


def _sample(users: IntArray, most: int, random: np.random.Generator) -> Array:
    return users if len(users) <= most else np.sort(random.choice(users, most, replace=False))


def _among(users: IntArray, items: IntArray, histories: Interactions, width: int) -> Array:
    """Returns whether each pair occurs in the histories."""
    had = histories.event_users * np.int64(width) + histories.items
    return np.isin(users * np.int64(width) + items, had)
