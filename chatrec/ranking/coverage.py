"""Catalogue coverage: items in no list replace the last items of the users whom they fit almost as well.

Adomavicius and Kwon 2014 (Optimization-based approaches for maximizing aggregate recommendation diversity).
"""

import math
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray, top_k_per_group
from chatrec.ranking.diversity import Diversifier, Reserved
from chatrec.ranking.fairness.exposure_duals import Sample
from chatrec.ranking.fairness.fairness import draw_sample, sampled_users
from chatrec.ranking.recommender import Recommender

CANDIDATES = 300
USERS_OF_AN_ITEM = 20
"""Number of users considered for an item: those with its highest scores."""
MAX_REPLACED_SHARE = 0.2
"""Maximum share of a list that may be replaced."""


@dataclass(frozen=True)
class Reached:
    """Catalogue coverage before and after the replacements."""

    before: float
    """Share of the available items, without dead stock, in the lists without replacements."""
    after: float
    diversifier: Diversifier | None
    """Fills the reserved slots; None if no item is replaced."""


def reach_coverage(recommender: Recommender, profiles: FloatArray, coverage: float, memory_mb: int) -> Reached:
    """Reserves last slots for items in no list, until the lists cover the wanted share of the catalogue.

    Args:
        recommender: Recommender of the run.
        profiles: Text vectors of users, users × dimensions; see ListBuilder.
        coverage: Wanted share of the available items, without dead stock.
        memory_mb: Memory limit of a batch, in megabytes.
    """
    live = recommender.recommendable & ~recommender.dead
    sample, available = draw_sample(recommender, profiles, memory_mb, CANDIDATES), int(live.sum())
    columns = sample.first(sample.scores)
    counts = _counts(sample, columns, len(live))
    before = int((counts[live] > 0).sum())
    wanted = math.ceil(coverage * available) - before
    replaceable = max(1, int(MAX_REPLACED_SHARE * recommender.top_n))
    users = sampled_users(recommender)
    flexible = recommender.histories.lengths[users] > 0
    rows, items = _reserve(sample, columns, counts, wanted, replaceable, flexible)
    users = users[rows]
    diversifier = Reserved(recommender.diversifier, users, items) if len(users) else None
    share = 1 / max(available, 1)
    return Reached(before * share, (before + len(users)) * share, diversifier)


def _counts(sample: Sample, columns: IntArray, items: int) -> Array:
    """Counts the lists that contain each item."""
    listed = np.take_along_axis(sample.items, np.maximum(columns, 0), 1)[columns >= 0]
    return np.bincount(listed[listed >= 0], minlength=items)


def _reserve(
    sample: Sample, columns: IntArray, counts: IntArray, wanted: int, replaceable: int, flexible: BoolArray
) -> tuple[Array, Array]:
    """Returns the rows of users who give up a last slot and the items that take it, the cheapest replacements first.

    A slot is kept if its item appears in no other list, and if its list is not `flexible`, as a fallback list is not.
    """
    given: list[tuple[int, int]] = []
    left, counts = columns.shape[1] - np.zeros(len(columns), int), counts.copy()
    full = np.asarray((columns >= 0).all(1)) & flexible
    for user, item in _exchanges(sample, columns, counts):
        if len(given) >= wanted:
            break
        slot = left[user] - 1
        if counts[item] or not full[user] or columns.shape[1] - slot > replaceable:
            continue
        standing = sample.items[user, columns[user, slot]]
        if counts[standing] > 1:
            given.append((user, item))
            counts[item], counts[standing], left[user] = 1, counts[standing] - 1, slot
    reserved = np.array(sorted(given), np.int64).reshape(-1, 2)
    return reserved[:, 0], reserved[:, 1]


def _exchanges(sample: Sample, columns: IntArray, counts: IntArray) -> list[tuple[int, int]]:
    """Returns pairs of users and unlisted items, ordered by the loss of log P of the replacement."""
    last = np.take_along_axis(sample.scores, np.maximum(columns[:, -1:], 0), 1)
    listed = np.append(counts > 0, True)  # the padding value -1 counts as listed
    users, candidates = np.nonzero(~listed[sample.items] & np.isfinite(sample.scores))
    items, costs = sample.items[users, candidates], (last - sample.scores)[users, candidates]
    kept, _ = top_k_per_group(items, -costs, USERS_OF_AN_ITEM)
    kept = kept[np.lexsort((users[kept], items[kept], costs[kept]))]
    return list(zip(users[kept].tolist(), items[kept].tolist(), strict=True))
