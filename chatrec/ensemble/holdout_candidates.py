"""Candidates of held-out users, stored so that list strategies can be measured before they are used."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatrec.data.arrays import BoolArray, FloatArray, IntArray, take, top_k
from chatrec.evaluation import metrics
from chatrec.evaluation.holdout import Holdout, K

FILE = "held_out.npz"
CANDIDATES = 100


@dataclass(frozen=True)
class HoldoutCandidates:
    """Best candidates of held-out users, with cross-fitted weights."""

    users: IntArray
    """Rows of the users."""
    items: IntArray
    """Items, users × candidates, the best first, padded with -1."""
    scores: FloatArray
    """Scores as float32, of the same shape: log P up to a constant per user; -inf for padding."""
    hits: BoolArray
    """Whether the user took the item, bool of the same shape."""
    relevant: IntArray
    """Number of items that each user took."""

    @classmethod
    def of(cls, holdout: Holdout, items: IntArray, scores: FloatArray) -> "HoldoutCandidates":
        """Makes candidates from the result of `chatrec.ensemble.weights.cross_fitted`."""
        return cls(holdout.users, items, scores.astype(np.float32), holdout.hits(items), holdout.relevant)

    @classmethod
    def without_users(cls) -> "HoldoutCandidates":
        """Makes candidates without users, where no events are held out."""
        none, width = np.empty(0, np.int64), (0, 1)
        return cls(none, np.empty(width, np.int32), np.empty(width, np.float32), np.empty(width, bool), none)

    def __len__(self) -> int:
        return len(self.users)

    def ndcg(self, scores: FloatArray) -> metrics.Floats:
        """Returns NDCG@10 of each user with the candidates ranked by other scores; -inf for padding."""
        hits = take(self.hits, top_k(scores, K, stable=True), False)
        return metrics.ndcg(hits, self.relevant)

    def save(self, folder: Path) -> None:
        """Writes FILE."""
        np.savez(folder / FILE, **{name: getattr(self, name) for name in self.__dataclass_fields__})

    @classmethod
    def load(cls, folder: Path) -> "HoldoutCandidates":
        """Loads candidates written by `save`."""
        with np.load(folder / FILE) as saved:
            return cls(**{name: saved[name] for name in cls.__dataclass_fields__})
