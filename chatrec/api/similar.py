"""Similar items by vectors, as a run publishes them."""

import numpy as np

from chatrec.api.estimator import SEED
from chatrec.data.arrays import FloatArray, IntArray
from chatrec.data.dataset import Dataset
from chatrec.ranking.tables.similar import Likeness, similar_items


def similar_rows(
    dataset: Dataset, learned: FloatArray, texts: FloatArray, rows: IntArray, k: int
) -> tuple[IntArray, FloatArray]:
    """Finds similar items by learned and text vectors; see `chatrec.ranking.tables.similar.Likeness`.

    Args:
        dataset: The dataset that the vectors were fitted on.
        learned: Item vectors, items × width.
        texts: Text vectors, items × dimensions; zeros for none.
        rows: Rows of the query items.
        k: Number of similar items.

    Returns:
        Rows of similar items and scores, rows × slots; -1 where there are no more.
    """
    count = dataset.items.height
    likeness = Likeness.of(learned, texts, np.bincount(dataset.interactions.items, minlength=count))
    items = np.full((count, min(k, count)), -1, np.int32)
    scores = np.zeros(items.shape, np.float32)
    for block in similar_items(likeness, dataset.available, items.shape[1], SEED):
        items[block["item"], block["rank"] - 1] = block["similar"]
        scores[block["item"], block["rank"] - 1] = block["score"]
    return items[rows], scores[rows]
