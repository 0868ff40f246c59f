"""Dispatch of users to kinds of lists, in batches that fit into memory."""

from collections.abc import Iterator

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.models.popularity import shares_of_groups
from chatrec.ranking.fallback import Shown, group_lists, popular_lists, searched_lists
from chatrec.ranking.lists import Lists
from chatrec.ranking.recommender import Recommender


class ListBuilder:
    """Builds the lists of users, by the ensemble or a fallback.

    Args:
        recommender: Recommender of the run.
        profiles: Text vectors of users, users × dimensions, used for users without a history. A zero row means no text.
        memory: Memory limit of a batch, in bytes.
    """

    def __init__(self, recommender: Recommender, profiles: FloatArray, memory: int) -> None:
        self.recommender, self.profiles, self.memory = recommender, profiles, memory
        self.recommendable = recommendable = recommender.recommendable
        self.popular = recommender.popular
        self.shares = shares_of_groups(recommender.groups.membership(len(recommendable)), self.popular)
        rules = recommender.rules
        considered = recommender.considered if rules.shape_lists else recommender.top_n
        self.shown = Shown(
            recommendable,
            recommender.top_n,
            rules,
            considered,
            recommender.extra_candidates,
            recommender.new,
            recommender.dead,
        )

    def lists(self, block: IntArray) -> Iterator[Lists]:
        """Yields the lists of a batch of users, in parts."""
        with_history, searched, described, unknown = self._kinds(block)
        for users in self._of_like_length(with_history):
            yield self.recommender.lists(users)
        for users in self._by_memory(searched, 16 * len(self.recommendable)):
            yield searched_lists(users, self.recommender.scored_by_searches(users))
        for users in self._by_memory(described, 16 * len(self.recommendable)):
            vectors = self.profiles[users]
            yield group_lists(users, vectors, self.recommender.aigc.state, self.shares, self.shown)
        if len(unknown):
            yield popular_lists(unknown, self.popular, self.shown)

    def _kinds(self, block: IntArray) -> tuple[Array, Array, Array, Array]:
        searches = self.recommender.searches
        with_history = self.recommender.histories.lengths[block] > 0
        searched = ~with_history & (searches.searched(block) if searches else False)
        described = ~with_history & ~searched & self.profiles[block].any(1) & self.recommender.aigc.state.profile.any()
        return block[with_history], block[searched], block[described], block[~with_history & ~searched & ~described]

    def _of_like_length(self, users: IntArray) -> Iterator[Array]:
        """Yields batches of users with histories of similar length, because long ones need more memory."""
        lengths = self.recommender.histories.lengths
        for size in np.unique(magnitude := np.ceil(np.log2(lengths[users] + 1))):
            like = users[magnitude == size]
            yield from self._by_memory(like, self.recommender.bytes_of_a_user(2 ** int(size)))

    def _by_memory(self, users: IntArray, bytes_of_a_user: int) -> Iterator[Array]:
        step = max(1, self.memory // max(bytes_of_a_user, 1))
        for start in range(0, len(users), step):
            yield users[start : start + step]
