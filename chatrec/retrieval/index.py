"""The FAISS index: inner-product search over all items that may be recommended.

Small catalogues are searched exactly, which is fastest there; larger ones by a graph (HNSW) and the largest by inverted
lists (IVF). An approximate index is checked for recall against exact search on a sample of users. It searches wider
until it reaches the recall of the settings; if it cannot, exact search is used.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from chatrec.config.ranking import Index as IndexSettings
from chatrec.data.arrays import FloatArray, IntArray
from chatrec.runs.files import write_atomically

INDEX, ROWS, FACTS = "items.faiss", "rows.npy", "index.json"
NEIGHBOURS = 32
BUILD_EFFORT = 80
WIDEST = 4096
RECALL_AT = 100


@dataclass(frozen=True)
class IndexFacts:
    """Kind and quality of an index."""

    kind: str
    """Kind of the index: "flat", "hnsw" or "ivf"."""
    effort: int
    """Search effort: efSearch of a graph, nprobe of inverted lists, 0 for exact search."""
    recall: float
    """Share of the exact top RECALL_AT that is found, on a sample of users."""


class ItemIndex:
    """Finds the items with the largest inner products.

    Args:
        index: FAISS index.
        rows: Item of each vector of the index.
        facts: Kind and quality of the index.
    """

    def __init__(self, index: Any, rows: IntArray, facts: IndexFacts) -> None:
        self._index, self.rows, self.facts = index, rows, facts

    def __len__(self) -> int:
        return len(self.rows)

    def search(self, users: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
        """Returns the k best items of each user, the best first.

        Args:
            users: User vectors, users × width.
            k: Number of items; at most `len(self)` are found.

        Returns:
            Items and inner products, users × k; -1 and -inf where an approximate index finds no more.
        """
        k = min(k, len(self))
        if not k:
            return np.empty((len(users), 0), np.int32), np.empty((len(users), 0), np.float32)
        products, columns = self._index.search(np.ascontiguousarray(users, np.float32), k)
        items = np.append(self.rows, np.int32(-1))[columns]
        return items, np.where(items >= 0, products, -np.inf).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Writes INDEX, ROWS and FACTS."""
        faiss.write_index(self._index, str(folder / INDEX))
        np.save(folder / ROWS, self.rows)
        write_atomically(folder / FACTS, json.dumps(asdict(self.facts)))

    @classmethod
    def load(cls, folder: Path) -> "ItemIndex":
        """Loads an index written by `save`."""
        index = faiss.read_index(str(folder / INDEX))
        facts = IndexFacts(**json.loads((folder / FACTS).read_text()))
        _widen(index, facts.kind, facts.effort)
        return cls(index, np.load(folder / ROWS), facts)


def build(vectors: FloatArray, rows: IntArray, sample: FloatArray, settings: IndexSettings) -> ItemIndex:
    """Builds an index of the kind that suits the number of items.

    Args:
        vectors: Item vectors, vectors × width, float32.
        rows: Item of each vector.
        sample: User vectors on which recall is measured, users × width.
        settings: Sizes, and the recall to reach.
    """
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    if len(vectors) < settings.exact_below:
        return ItemIndex(exact, rows, IndexFacts("flat", 0, 1.0))
    kind = "ivf" if len(vectors) >= settings.ivf_from else "hnsw"
    index = _ivf(vectors) if kind == "ivf" else _hnsw(vectors)
    effort, recall = _reach(index, kind, exact, sample, settings.recall)
    if recall < settings.recall:
        return ItemIndex(exact, rows, IndexFacts("flat", 0, 1.0))
    return ItemIndex(index, rows, IndexFacts(kind, effort, recall))


def _hnsw(vectors: FloatArray) -> Any:
    """Builds a graph on one thread, because with several the result is not deterministic."""
    index = faiss.IndexHNSWFlat(vectors.shape[1], NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BUILD_EFFORT
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    index.add(vectors)
    faiss.omp_set_num_threads(threads)
    return index


def _ivf(vectors: FloatArray) -> Any:
    lists = max(1, min(int(4 * len(vectors) ** 0.5), len(vectors) // 4))
    quantiser: Any = faiss.IndexFlatIP(vectors.shape[1])
    index = faiss.IndexIVFFlat(quantiser, vectors.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.own_fields = True
    quantiser.this.disown()
    index.cp.min_points_per_centroid = 1
    index.train(vectors)
    index.add(vectors)
    return index


def _reach(index: Any, kind: str, exact: Any, sample: FloatArray, wanted: float) -> tuple[int, float]:
    """Doubles the search effort until the recall is reached."""
    k = min(RECALL_AT, exact.ntotal)
    _, truth = exact.search(sample, k)
    effort, recall = (RECALL_AT if kind == "hnsw" else 8), 0.0
    while True:
        _widen(index, kind, effort)
        _, rows = index.search(sample, k)
        hits = [len(np.intersect1d(a, b)) for a, b in zip(truth, rows, strict=True)]
        recall = sum(hits) / max(len(hits) * k, 1)
        if recall >= wanted or effort >= WIDEST:
            return effort, recall
        effort *= 2


def _widen(index: Any, kind: str, effort: int) -> None:
    if kind == "hnsw":
        index.hnsw.efSearch = effort
    elif kind == "ivf":
        faiss.extract_index_ivf(index).nprobe = effort
