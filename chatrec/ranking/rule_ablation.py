"""What each rule does: lists of a sample of users with all rules, and without each of them in turn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.recommender import Recommender
from chatrec.runtime.progress import progress

SAMPLED = 1_000
"""Users whose lists are made once more for each rule."""


@dataclass(frozen=True)
class Effect:
    """Of a rule, in rows of the sample's lists, against lists made without it."""

    added: int
    """Rows that are there because of it."""
    removed: int
    """Rows that would be there without it."""
    moved: int
    """Rows that would have another rank."""


def effects(
    ranker: Recommender, without: Mapping[str, Callable[[], Recommender]], profiles: Array, memory_mb: int
) -> tuple[int, dict[str, Effect]]:
    """Measures all rules of a night.

    Args:
        ranker: with all of them.
        without: for each rule what makes a ranker without it.
        profiles: users × dimensions, see ListBuilder.
        memory_mb: bounds a block.

    Returns:
        How many users were sampled, and the effect of each rule.
    """
    everybody = ranker.histories.users
    users = np.arange(everybody)
    if everybody > SAMPLED:
        users = np.sort(np.random.default_rng(ranker.seed).choice(everybody, SAMPLED, replace=False))
    lists = _lists(ranker, profiles, memory_mb, users)
    found = {}
    with progress("Measuring rules", len(without), "rules") as shown:
        for name, make in without.items():
            found[name] = _compare(lists, _lists(make(), profiles, memory_mb, users))
            shown.advance(note=name)
    return len(users), found


def _lists(ranker: Recommender, profiles: Array, memory_mb: int, users: Array) -> dict[int, Array]:
    """The items of each user's list, in order."""
    parts = ListBuilder(ranker, profiles, memory_mb << 20).lists(users)
    return {int(user): row[row >= 0] for part in parts for user, row in zip(part.users, part.items, strict=True)}


def _compare(ruled: Mapping[int, Array], free: Mapping[int, Array]) -> Effect:
    added = removed = moved = 0
    for user, items in ruled.items():
        others = free[user]
        _, mine, theirs = np.intersect1d(items, others, return_indices=True)
        added += len(items) - len(mine)
        removed += len(others) - len(mine)
        moved += int((mine != theirs).sum())
    return Effect(added, removed, moved)
