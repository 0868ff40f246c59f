"""All lists of a night, written block by block in the order of the users."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from chatrec.channels.popularity import shares_of_groups
from chatrec.progress import progress
from chatrec.ranking.fallback import group_lists, popular_lists, searched_lists
from chatrec.ranking.lists import FALLBACKS, KINDS, NAMES, SCHEMA, Lists
from chatrec.ranking.topn import Ranker
from chatrec.run import Counts, write_atomically
from chatrec.source.snapshot import Array
from chatrec.source.tables import RowGroups

RECOMMENDATIONS, ATTENTION = "recommendations.parquet", "user_groups.parquet"
USERS_OF_A_BLOCK = 8192
GROUPS_OF_A_USER = 5
ATTENTION_SCHEMA = pa.schema(
    [("user", pa.int32()), ("rank", pa.int16()), ("group", pa.int32()), ("attention", pa.float32())]
)


def recommend(ranker: Ranker, profiles: Array, folder: Path, memory_mb: int) -> Counts:
    """Writes RECOMMENDATIONS, ATTENTION and NAMES.

    Args:
        ranker: vectors, groups, index and histories of tonight.
        profiles: users × dimensions, text vectors; used for users without a history. A zero row says nothing.
        folder: of the step.
        memory_mb: bounds a block.

    Returns:
        Rows, users by the kind of their list, and the number of different items in all lists.
    """
    lister = _Lister(ranker, profiles, memory_mb << 20)
    users_by_kind = dict.fromkeys(KINDS, 0)
    channels = ranker.sources
    write_atomically(folder / NAMES, json.dumps({"sources": [*channels, *FALLBACKS], "evidence": channels}))
    shown_items = np.zeros(len(ranker.recommendable), bool)
    users = ranker.histories.users
    with (
        RowGroups(folder / RECOMMENDATIONS, SCHEMA) as file,
        RowGroups(folder / ATTENTION, ATTENTION_SCHEMA) as attention,
        progress("Ranking", users, "users") as shown,
    ):
        for start in range(0, users, USERS_OF_A_BLOCK):
            block = np.arange(start, min(start + USERS_OF_A_BLOCK, users))
            parts = list(lister.lists(block))
            for part in parts:
                users_by_kind[part.kind] += len(part.users)
                shown_items[part.items[part.items >= 0]] = True
            file.write(_in_order([part.table(len(channels)) for part in parts], SCHEMA))
            attended = [
                _attended(part.users, ranker.aigc.state.attention(part.vectors))
                for part in parts
                if part.vectors is not None
            ]
            attention.write(_in_order(attended, ATTENTION_SCHEMA))
            shown.advance(len(block))
    by_kind = {f"users {kind}": count for kind, count in users_by_kind.items()}
    return {"rows": file.rows, **by_kind, "items shown": int(shown_items.sum())}


class _Lister:
    """Chooses for each user where the list comes from."""

    def __init__(self, ranker: Ranker, profiles: Array, memory: int) -> None:
        self.ranker, self.profiles, self.memory = ranker, profiles, memory
        self.recommendable = recommendable = ranker.recommendable
        self.popular = ranker.popular
        self.shares = shares_of_groups(ranker.groups.membership(len(recommendable)), self.popular)

    def lists(self, block: Array) -> Iterator[Lists]:
        """The lists of a block of users, in parts."""
        known, searched, described, unknown = self._kinds(block)
        for users in self._of_like_length(known):
            yield self.ranker.lists(users)
        n = self.ranker.top_n
        for users in self._by_memory(searched, 16 * len(self.recommendable)):
            yield searched_lists(users, self.ranker.rated_by_searches(users))
        for users in self._by_memory(described, 16 * len(self.recommendable)):
            vectors = self.profiles[users]
            yield group_lists(users, vectors, self.ranker.aigc.state, self.shares, self.recommendable, n)
        if len(unknown):
            yield popular_lists(unknown, self.popular, self.recommendable, n)

    def _kinds(self, block: Array) -> tuple[Array, Array, Array, Array]:
        searches = self.ranker.searches
        known = self.ranker.histories.lengths[block] > 0
        searched = ~known & (searches.searched(block) if searches else False)
        described = ~known & ~searched & self.profiles[block].any(1) & self.ranker.aigc.state.profile.any()
        return block[known], block[searched], block[described], block[~known & ~searched & ~described]

    def _of_like_length(self, users: Array) -> Iterator[Array]:
        """Users with long histories need more memory: they come in blocks of their own."""
        lengths = self.ranker.histories.lengths
        for size in np.unique(magnitude := np.ceil(np.log2(lengths[users] + 1))):
            like = users[magnitude == size]
            yield from self._by_memory(like, self.ranker.bytes_of_a_user(2 ** int(size)))

    def _by_memory(self, users: Array, bytes_of_a_user: int) -> Iterator[Array]:
        step = max(1, self.memory // max(bytes_of_a_user, 1))
        for start in range(0, len(users), step):
            yield users[start : start + step]


def _attended(users: Array, attention: Array) -> pa.Table:
    """The groups that each user attends to most.

    Args:
        users: of some lists.
        attention: users × groups.
    """
    first = np.argsort(-attention, axis=1, kind="stable")[:, :GROUPS_OF_A_USER]
    columns = [
        np.repeat(users, first.shape[1]),
        np.tile(np.arange(1, first.shape[1] + 1), len(users)),
        first.ravel(),
        np.take_along_axis(attention, first, 1).ravel(),
    ]
    return pa.table([pa.array(column) for column in columns], ATTENTION_SCHEMA.names).cast(ATTENTION_SCHEMA)


def _in_order(parts: list[pa.Table], schema: pa.Schema) -> pa.Table:
    if not parts:
        return schema.empty_table()
    return pa.concat_tables(parts).sort_by([("user", "ascending"), ("rank", "ascending")])
