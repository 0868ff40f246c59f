"""Dispatch of users to kinds of lists, in batches that fit into memory."""

from collections.abc import Iterator

import numpy as np

from chatrec.data.arrays import Array
from chatrec.models.popularity import shares_of_groups
from chatrec.ranking.fallback import Shown, group_lists, popular_lists, searched_lists
from chatrec.ranking.lists import Lists
from chatrec.ranking.recommender import Recommender


class ListBuilder:
    """Builds the lists of users, by the ensemble or a fallback.

    Args:
        ranker: Recommender of the run.
        profiles: Text vectors of users, users × dimensions, used for users without a history. A zero row means no text.
        memory: Memory limit of a batch, in bytes.
    """

    def __init__(self, ranker: Recommender, profiles: Array, memory: int) -> None:
        self.ranker, self.profiles, self.memory = ranker, profiles, memory
        self.recommendable = recommendable = ranker.recommendable
        self.popular = ranker.popular
        self.shares = shares_of_groups(ranker.groups.membership(len(recommendable)), self.popular)
        rules = ranker.rules
        considered = ranker.considered if rules.shape_lists else ranker.top_n
        self.shown = Shown(recommendable, ranker.top_n, rules, considered, ranker.extra_candidates)

    def lists(self, block: Array) -> Iterator[Lists]:
        """Yields the lists of a batch of users, in parts."""
        known, searched, described, unknown = self._kinds(block)
        for users in self._of_like_length(known):
            yield self.ranker.lists(users)
        for users in self._by_memory(searched, 16 * len(self.recommendable)):
            yield searched_lists(users, self.ranker.scored_by_searches(users))
        for users in self._by_memory(described, 16 * len(self.recommendable)):
            vectors = self.profiles[users]
            yield group_lists(users, vectors, self.ranker.aigc.state, self.shares, self.shown)
        if len(unknown):
            yield popular_lists(unknown, self.popular, self.shown)

    def _kinds(self, block: Array) -> tuple[Array, Array, Array, Array]:
        searches = self.ranker.searches
        known = self.ranker.histories.lengths[block] > 0
        searched = ~known & (searches.searched(block) if searches else False)
        described = ~known & ~searched & self.profiles[block].any(1) & self.ranker.aigc.state.profile.any()
        return block[known], block[searched], block[described], block[~known & ~searched & ~described]

    def _of_like_length(self, users: Array) -> Iterator[Array]:
        """Yields batches of users with histories of similar length, because long ones need more memory."""
        lengths = self.ranker.histories.lengths
        for size in np.unique(magnitude := np.ceil(np.log2(lengths[users] + 1))):
            like = users[magnitude == size]
            yield from self._by_memory(like, self.ranker.bytes_of_a_user(2 ** int(size)))

    def _by_memory(self, users: Array, bytes_of_a_user: int) -> Iterator[Array]:
        step = max(1, self.memory // max(bytes_of_a_user, 1))
        for start in range(0, len(users), step):
            yield users[start : start + step]
