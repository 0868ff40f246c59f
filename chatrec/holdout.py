"""Events held out of a snapshot, to measure tonight's lists before anybody sees them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chatrec import metrics
from chatrec.source.snapshot import Array, Histories

USERS_AT_MOST = 10_000
USERS_OF_A_BLOCK = 1024
K = 10


@dataclass(frozen=True)
class HoldOut:
    """The last event of some users: what their lists should have had near the top."""

    histories: Histories
    users: Array
    targets: Array
    """Rows of the items, one for each user."""
    recommendable: Array
    """bool for each item: whether a list may have it."""
    exclude_seen: bool

    def __len__(self) -> int:
        return len(self.users)

    def latest(self, users: Array, length: int) -> Array:
        """The latest items before the held-out event: users × length, the newest first, padded with -1."""
        return self.histories.latest(users, length, skip=1)

    def ndcg(self, score: Callable[[Array], Array]) -> metrics.Floats:
        """NDCG@10 of each held-out event.

        Args:
            score: users to users × items (or one row for all), higher is better; it may look at nothing but
                `latest` and the events of `visible`.
        """
        found = [np.empty(0)]
        for start in range(0, len(self), USERS_OF_A_BLOCK):
            users = self.users[start : start + USERS_OF_A_BLOCK]
            everyone = np.broadcast_to(score(users), (len(users), len(self.recommendable)))
            scores = np.where(self.recommendable, everyone, -np.inf)
            if self.exclude_seen:
                scores[self._seen(users)] = -np.inf
            targets = self.targets[start : start + USERS_OF_A_BLOCK]
            found.append(metrics.ndcg(metrics.rank_in(scores, targets), K))
        return np.concatenate(found)

    @property
    def visible(self) -> Array:
        """bool for each event: whether it is not held out."""
        seen = np.ones(len(self.histories.items), bool)
        seen[self.histories.starts[self.users + 1] - 1] = False
        return seen

    def _seen(self, users: Array) -> tuple[Array, Array]:
        lengths = self.histories.lengths[users] - 1
        rows = np.repeat(np.arange(len(users)), lengths)
        events = np.concatenate([self.histories.of(user)[:-1] for user in users])
        return rows, events


def hold_out_last(histories: Histories, recommendable: Array, exclude_seen: bool, seed: int) -> HoldOut:
    """Chooses users whose last event can be predicted.

    Args:
        histories: of all users.
        recommendable: bool for each item.
        exclude_seen: whether an item that the user had before may not be recommended, and so not be a target.
        seed: of the sample, when there are more users than are needed.

    Returns:
        At most USERS_AT_MOST users with two events or more.
    """
    users = np.flatnonzero(histories.lengths >= 2)
    targets = histories.items[histories.starts[users + 1] - 1]
    good = recommendable[targets]
    if exclude_seen:
        good &= ~_had_before(histories, users, targets)
    users, targets = users[good], targets[good]
    if len(users) > USERS_AT_MOST:
        chosen = np.sort(np.random.default_rng(seed).choice(len(users), USERS_AT_MOST, replace=False))
        users, targets = users[chosen], targets[chosen]
    return HoldOut(histories, users, targets, recommendable, exclude_seen)


def _had_before(histories: Histories, users: Array, targets: Array) -> Array:
    target_of_user = np.full(histories.users, -1, np.int64)
    target_of_user[users] = targets
    same = histories.items == target_of_user[histories.event_users]
    same[histories.starts[users + 1] - 1] = False
    had = np.zeros(histories.users, bool)
    had[histories.event_users[same]] = True
    of_users: Array = had[users]
    return of_users
