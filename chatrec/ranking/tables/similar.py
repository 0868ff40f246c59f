"""Similar items, by users in common where there are events, and by text."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chatrec.config.ranking import Index
from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray, unit
from chatrec.retrieval import index as faiss_index

TRUSTED_FROM = 10
"""Number of events at which collaborative and text similarity have equal weight."""
EXACT_BELOW, RECALL = 20_000, 0.9
"""Size from which catalogues are searched approximately, and the recall required."""
SAMPLED = 1_000
ITEMS_AT_ONCE = 8_192


@dataclass(frozen=True)
class Likeness:
    """Similarity w cos(v_i, v_j) + (1 - w) cos(E_i, E_j), w = n_i / (n_i + TRUSTED_FROM) for n_i events of item i."""

    learned: FloatArray
    """Vectors v, items × width, of unit length; 0 for cold items."""
    texts: FloatArray
    """Vectors E, items × dimensions, of unit length."""
    trust: FloatArray
    """Weight w of each item, float32."""

    @classmethod
    def of(cls, learned: FloatArray, texts: FloatArray, events: Array) -> "Likeness":
        """Makes the similarity of a run.

        Args:
            learned: AIGC vectors, items × width.
            texts: Text vectors, items × dimensions.
            events: Number of events of each item.
        """
        learned_unit = np.where(events[:, None] > 0, unit(learned), 0).astype(np.float32)
        return cls(learned_unit, unit(texts).astype(np.float32), (events / (events + TRUSTED_FROM)).astype(np.float32))

    def keys(self, items: IntArray) -> Array:
        """Returns the vectors to search in."""
        return np.hstack([self.learned[items], self.texts[items]])

    def queries(self, items: IntArray) -> Array:
        """Returns the vectors to search with."""
        trust = self.trust[items, None]
        return np.hstack([trust * self.learned[items], (1 - trust) * self.texts[items]])


def similar_items(likeness: Likeness, possible: BoolArray, n: int, seed: int) -> Iterator[dict[str, Array]]:
    """Yields the most similar items of each item, including unavailable query items.

    Args:
        likeness: Similarity of all items.
        possible: Availability of items, bool of shape (items,).
        n: Number of similar items.
        seed: Seed of the sample that measures the recall of an approximate index.

    Yields:
        The columns item, rank, similar and score of a batch of items. Items without positive similarity are left out.
    """
    items, rows = np.arange(len(possible)), np.flatnonzero(possible).astype(np.int32)
    sample = np.random.default_rng(seed).permutation(items)[:SAMPLED]
    settings = Index(exact_below=EXACT_BELOW, ivf_from=1, recall=RECALL)
    index = faiss_index.build(likeness.keys(rows), rows, likeness.queries(np.sort(sample)), settings)
    for start in range(0, len(items), ITEMS_AT_ONCE):
        block = items[start : start + ITEMS_AT_ONCE]
        similar, scores = index.search(likeness.queries(block), n + 1)
        good = (similar >= 0) & (similar != block[:, None]) & (scores > 0)
        rank = np.cumsum(good, axis=1)
        good &= rank <= n
        item = np.broadcast_to(block[:, None], similar.shape)
        yield {"item": item[good], "rank": rank[good], "similar": similar[good], "score": scores[good]}
