"""Evaluation of lists on several holdouts together: means over people, each of whom counts once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.data.arrays import FloatArray, IntArray
from chatrec.evaluation import metrics
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout


@dataclass(frozen=True)
class PooledEvaluator:
    """Evaluates lists on windows: those of the users of the first one, then those of the second one, and so on."""

    windows: Sequence[Holdout]
    vectors: FloatArray
    """Text vectors, items × dimensions, of unit length, for diversity."""

    @cached_property
    def people(self) -> int:
        """Number of people with held-out events."""
        return len(self._people[0])

    def ndcg(self, lists: IntArray) -> metrics.Floats:
        """Returns NDCG@10 of each person, the mean over the person's windows."""
        rows = np.concatenate([part.ndcg(own) for part, own in self._parts(lists)])
        _, person = self._people
        values: metrics.Floats = np.bincount(person, rows) / np.bincount(person)
        return values

    def summary(self, lists: IntArray) -> dict[str, float]:
        """Returns all metrics by name, as means over the windows, weighted by their users.

        NDCG@10 is that of `ndcg`. Numbers of users are sums over the windows.
        """
        parts = [(len(part.holdout), part.summary(own)) for part, own in self._parts(lists)]
        names = dict.fromkeys(name for _, values in parts for name in values)
        pooled = {name: _pooled(name, parts) for name in names}
        return pooled | {"ndcg@10": round(float(self.ndcg(lists).mean()), 6), "people": self.people}

    @cached_property
    def _evaluators(self) -> list[Evaluator]:
        return [Evaluator(window, self.vectors) for window in self.windows]

    @cached_property
    def _people(self) -> tuple[IntArray, IntArray]:
        """People, and the position of each row's person among them."""
        return np.unique(np.concatenate([window.users for window in self.windows]), return_inverse=True)

    def _parts(self, lists: IntArray) -> list[tuple[Evaluator, IntArray]]:
        ends = np.cumsum([len(window) for window in self.windows])[:-1]
        return list(zip(self._evaluators, np.split(lists, ends), strict=True))


def _pooled(name: str, parts: Sequence[tuple[int, dict[str, float]]]) -> float:
    """Returns a sum for a number of users, else a mean weighted by the users of the window or of its slice."""
    if name.startswith("users "):
        return sum(values[name] for _, values in parts)
    of_slice = f"users {name.partition(' ')[2]}"
    given = [(values.get(of_slice, users), values[name]) for users, values in parts if name in values]
    total = sum(weight for weight, _ in given)
    return round(sum(weight * value for weight, value in given) / total, 6) if total else 0.0
