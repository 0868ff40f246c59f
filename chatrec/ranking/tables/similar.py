"""Items that are like an item: by who takes them, as far as there are events, and by what their texts say."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chatrec.config.settings import Index
from chatrec.data.arrays import Array
from chatrec.models.ppmi_svd import unit
from chatrec.retrieval import index as faiss_index

TRUSTED_FROM = 10
"""With so many events, who took an item says as much as its text."""
EXACT_BELOW, RECALL = 20_000, 0.9
"""Larger catalogues are searched approximately: nobody misses the eleventh neighbour."""
SAMPLED = 1_000
ITEMS_AT_ONCE = 8_192


@dataclass(frozen=True)
class Likeness:
    """w cos(v_i, v_j) + (1 - w) cos(E_i, E_j), with w = n_i / (n_i + TRUSTED_FROM) for an item with n_i events."""

    learned: Array
    """v: items × width, of unit length; 0 for items without events, of which it says nothing."""
    texts: Array
    """E: items × dimensions, of unit length."""
    trust: Array
    """w: of each item, float32."""

    @classmethod
    def of(cls, learned: Array, texts: Array, events: Array) -> "Likeness":
        """Of a night.

        Args:
            learned: vectors of AIGC, items × width.
            texts: of the language model, items × dimensions.
            events: how many each item has.
        """
        known = np.where(events[:, None] > 0, unit(learned), 0).astype(np.float32)
        return cls(known, unit(texts).astype(np.float32), (events / (events + TRUSTED_FROM)).astype(np.float32))

    def keys(self, items: Array) -> Array:
        """What is searched."""
        return np.hstack([self.learned[items], self.texts[items]])

    def queries(self, items: Array) -> Array:
        """What searches."""
        trust = self.trust[items, None]
        return np.hstack([trust * self.learned[items], (1 - trust) * self.texts[items]])


def similar_items(likeness: Likeness, possible: Array, n: int, seed: int) -> Iterator[dict[str, Array]]:
    """The items most like each, also like those that are sold out.

    Args:
        likeness: of all items.
        possible: bool for each item: whether it may be shown.
        n: how many.
        seed: of the sample on which an approximate index is tried.

    Yields:
        item, rank, similar and score of a block of items; what is not like it at all is left out.
    """
    items, rows = np.arange(len(possible)), np.flatnonzero(possible).astype(np.int32)
    sample = np.random.default_rng(seed).permutation(items)[:SAMPLED]
    settings = Index(exact_below=EXACT_BELOW, ivf_from=1, recall=RECALL)
    index = faiss_index.build(likeness.keys(rows), rows, likeness.queries(np.sort(sample)), settings)
    for start in range(0, len(items), ITEMS_AT_ONCE):
        block = items[start : start + ITEMS_AT_ONCE]
        found, scores = index.search(likeness.queries(block), n + 1)
        good = (found >= 0) & (found != block[:, None]) & (scores > 0)
        rank = np.cumsum(good, axis=1)
        good &= rank <= n
        item = np.broadcast_to(block[:, None], found.shape)
        yield {"item": item[good], "rank": rank[good], "similar": found[good], "score": scores[good]}
