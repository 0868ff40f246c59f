"""Events held out of a snapshot, to choose and to measure tonight's lists before anybody sees them.

What a list must predict is a setting, because the log cannot tell:
next    the user's next event: the last one of a sample of users;
period  what is taken in the next stretch of time: everything after the 80 % quantile of time;
any     what is missing from a history whose order says nothing: a tenth of the events of a sample of users.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from chatrec.config.settings import Target
from chatrec.data.arrays import Array, top_k
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch, batches
from chatrec.evaluation import metrics

USERS_AT_MOST = 10_000
USERS_AT_LEAST, SHARE_OF_EVENTS = 1_000, 0.01
PERIOD_FROM = 0.8
MOST_OF_A_PERIOD = 0.5
"""Where one instant has more events than this, as after an import, times say nothing: the last events are taken."""
SHARE_OF_ANY, EVENTS_FOR_ANY = 0.1, 5
CELLS_OF_A_BLOCK = 4_000_000
K = 10


@dataclass(frozen=True)
class Holdout:
    """What is left of the histories, and what their lists should have near the top."""

    histories: Interactions
    """Of all users, without the held-out events: what a fit may see."""
    users: Array
    """Those with targets; each has a history left."""
    starts: Array
    """The targets of the n-th of these users are `targets[starts[n]:starts[n + 1]]`."""
    targets: Array
    """Rows of items, each once for a user."""
    recommendable: Array
    """bool for each item: whether a list may have it."""
    exclude_seen: bool

    def __len__(self) -> int:
        return len(self.users)

    @property
    def relevant(self) -> Array:
        """How many targets each user has."""
        return np.diff(self.starts)

    def batches(self) -> Iterator[UserBatch]:
        """The users to be scored."""
        size = max(1, CELLS_OF_A_BLOCK // max(len(self.recommendable), 1))
        return batches(self.histories, self.users, self.recommendable, self.exclude_seen, size)

    def hits(self, lists: Array) -> metrics.Hits:
        """Which places of the users' lists hold a target; `lists` is users × places, -1 where a list ends."""
        width = np.int64(len(self.recommendable))
        wanted = np.repeat(np.arange(len(self)), self.relevant) * width + self.targets
        return np.isin(np.arange(len(self))[:, None] * width + lists, wanted) & (lists >= 0)

    def lists(self, score: Callable[[UserBatch], Array]) -> Array:
        """The lists that scores make: users × K.

        Args:
            score: to users × items, higher is better.
        """
        found = [np.empty((0, min(K, len(self.recommendable))), np.int32)]
        for batch in self.batches():
            scores = np.where(batch.exclude_mask, -np.inf, score(batch))
            best = top_k(scores, K)
            found.append(np.where(np.isfinite(np.take_along_axis(scores, best, 1)), best, -1))
        return np.concatenate(found)

    def ndcg(self, score: Callable[[UserBatch], Array]) -> metrics.Floats:
        """NDCG@10 of each user."""
        return metrics.ndcg(self.hits(self.lists(score)), self.relevant)


def hold_out(histories: Interactions, recommendable: Array, exclude_seen: bool, target: Target, seed: int) -> Holdout:
    """Chooses what is held out.

    Args:
        histories: of all users.
        recommendable: bool for each item.
        exclude_seen: whether an item that the user had before may not be recommended, and so not be a target.
        target: what a list must predict.
        seed: of the sample of users.

    Returns:
        At most USERS_AT_MOST users.
    """
    random = np.random.default_rng(seed)
    choose = {"next": _last, "period": _period, "any": _tenth}[target]
    return _without(choose(histories, random), histories, recommendable, exclude_seen, random)


def hold_items_out(histories: Interactions, hidden: Array, seed: int) -> Holdout:
    """Holds out all events of some items, as if these were new; lists may have nothing else.

    Args:
        histories: of all users.
        hidden: bool for each item.
        seed: of the sample of users.

    Returns:
        At most USERS_AT_MOST users.
    """
    return _without(hidden[histories.items], histories, hidden, True, np.random.default_rng(seed))


def _without(
    held_out: Array, histories: Interactions, recommendable: Array, exclude_seen: bool, random: np.random.Generator
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


def _last(histories: Interactions, random: np.random.Generator) -> Array:
    most = min(USERS_AT_MOST, max(USERS_AT_LEAST, int(SHARE_OF_EVENTS * len(histories.items))))
    users = _sample(np.flatnonzero(histories.lengths >= 2), most, random)
    held_out = np.zeros(len(histories.items), bool)
    held_out[histories.starts[users + 1] - 1] = True
    return held_out


def _period(histories: Interactions, random: np.random.Generator) -> Array:
    if not len(histories.times):
        return np.zeros(0, bool)
    held_out: Array = histories.times >= np.quantile(histories.times, PERIOD_FROM)
    return held_out if held_out.mean() <= MOST_OF_A_PERIOD else _last(histories, random)


def _tenth(histories: Interactions, random: np.random.Generator) -> Array:
    users = _sample(np.flatnonzero(histories.lengths >= EVENTS_FOR_ANY), USERS_AT_MOST, random)
    chosen = np.zeros(histories.users, bool)
    chosen[users] = True
    chance = np.where(chosen[histories.event_users], random.random(len(histories.items)), 1.0)
    return chance < SHARE_OF_ANY


def _sample(users: Array, most: int, random: np.random.Generator) -> Array:
    return users if len(users) <= most else np.sort(random.choice(users, most, replace=False))


def _among(users: Array, items: Array, histories: Interactions, width: int) -> Array:
    """Whether each of the pairs is in the histories."""
    had = histories.event_users * np.int64(width) + histories.items
    return np.isin(users * np.int64(width) + items, had)
