"""Rule ablation: lists of a sample of users with all rules and with each rule left out."""

from collections.abc import Callable, Mapping

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.recommender import Recommender
from chatrec.runs.results import RuleEffect
from chatrec.runtime.progress import progress

SAMPLED = 1_000
"""Maximum number of sampled users."""


def effects(
    recommender: Recommender, without: Mapping[str, Callable[[], Recommender]], profiles: FloatArray, memory_mb: int
) -> tuple[int, dict[str, RuleEffect]]:
    """Measures the effect of each rule of a run.

    Args:
        recommender: Recommender with all rules.
        without: For each rule, a function that makes a recommender without it.
        profiles: Text vectors of users, users × dimensions; see ListBuilder.
        memory_mb: Memory limit of a batch, in megabytes.

    Returns:
        The number of sampled users, and the effect of each rule by name.
    """
    users = recommender.listed_users
    if len(users) > SAMPLED:
        users = np.sort(np.random.default_rng(recommender.seed).choice(users, SAMPLED, replace=False))
    lists = _lists(recommender, profiles, memory_mb, users)
    compared = {}
    with progress("Measuring rules", len(without), "rules") as shown:
        for name, make in without.items():
            compared[name] = _compare(lists, _lists(make(), profiles, memory_mb, users))
            shown.advance(note=name)
    return len(users), compared


def _lists(recommender: Recommender, profiles: FloatArray, memory_mb: int, users: IntArray) -> dict[int, Array]:
    """Returns the items of each user's list, in order."""
    parts = ListBuilder(recommender, profiles, memory_mb << 20).lists(users)
    return {int(user): row[row >= 0] for part in parts for user, row in zip(part.users, part.items, strict=True)}


def _compare(ruled: Mapping[int, Array], free: Mapping[int, Array]) -> RuleEffect:
    added = removed = moved = 0
    for user, items in ruled.items():
        others = free[user]
        _, mine, theirs = np.intersect1d(items, others, return_indices=True)
        added += len(items) - len(mine)
        removed += len(others) - len(mine)
        moved += int((mine != theirs).sum())
    return RuleEffect(added, removed, moved)
