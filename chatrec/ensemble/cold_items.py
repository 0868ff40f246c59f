"""Cold items: weights of the text models, and the probability that an event is of a cold item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chatrec.data.arrays import FloatArray
from chatrec.data.interactions import Interactions
from chatrec.ensemble.weights import NO_PRIOR, EnsembleWeights, HoldoutFeatures, cross_fitted, fit_ensemble_weights
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout, hold_items_out
from chatrec.models.base import Model

HIDDEN = 0.1
"""Share of the known items that are hidden to fit the weights for cold items."""
COLD = "cold items"
DEFAULT_MODEL = "content_knn"
"""Model that ranks cold items if no item could be hidden."""


@dataclass(frozen=True)
class ColdItems:
    """Ranking of cold items among each other and against known items."""

    share: float = 0.0
    """Probability that an event is of a cold item."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weights of the text models."""
    models: Mapping[str, Any] = field(default_factory=dict)


def hide_items(histories: Interactions, items: int, seed: int) -> Holdout:
    """Hides a random tenth of the items with events, as if they were cold."""
    with_events = np.unique(histories.items)
    count = int(np.ceil(HIDDEN * len(with_events)))
    hidden = np.zeros(items, bool)
    hidden[np.random.default_rng(seed).choice(with_events, count, replace=False)] = True
    return hold_items_out(histories, hidden, seed)


def share_of_cold(windows: Sequence[Holdout]) -> float:
    """Returns the smoothed share of held-out events whose items have no earlier events, between 0 and 1."""
    parts = [np.isin(window.targets, window.histories.items) for window in windows]
    is_warm = np.concatenate([np.empty(0, bool), *parts])
    return float(((~is_warm).sum() + 0.5) / (len(is_warm) + 1))


def fit_cold(
    models: Mapping[str, Model], hidden: Holdout, vectors: FloatArray, seed: int
) -> tuple[EnsembleWeights, dict[str, dict[str, float]]]:
    """Fits the weights of text models on hidden items; the best model is used alone if it ranks better than all.

    Weights maximise the likelihood, which need not maximise NDCG where one model is far ahead.

    Args:
        models: Models fitted without the hidden items.
        hidden: Holdout of these items; lists contain no others.
        vectors: Text vectors, items × dimensions, for the diversity of lists.
        seed: Seed of the bootstrap.

    Returns:
        The weights, and metrics of all models together and of each alone; no metrics if no item could be hidden.
    """
    if not len(hidden):
        return EnsembleWeights({DEFAULT_MODEL: 1.0}, {}), {}
    features = HoldoutFeatures.of(models, hidden)
    measure = Evaluator(hidden, vectors)
    together = measure.summary(cross_fitted(features, seed, prior=NO_PRIOR)[0])
    alone = {name: measure.summary(features.lists({name: 1.0})) for name in models}
    selected = fit_ensemble_weights(features, seed, NO_PRIOR)
    best = max(alone, key=lambda name: alone[name]["ndcg@10"])
    if alone[best]["ndcg@10"] > together["ndcg@10"]:
        selected, together = EnsembleWeights({best: 1.0}, selected.gains), alone[best]
    return selected, {COLD: together} | {f"{COLD}, {name}": values for name, values in alone.items()}
