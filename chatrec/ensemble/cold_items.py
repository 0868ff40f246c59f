"""Cold items: weights of the text models, and the probability that an event is of a new item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chatrec.data.arrays import FloatArray
from chatrec.data.interactions import Interactions
from chatrec.data.new_items import Arrivals
from chatrec.ensemble.weights import NO_PRIOR, EnsembleWeights, HoldoutFeatures, cross_fitted, fit_ensemble_weights
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout, hold_items_out
from chatrec.models.base import Model
from chatrec.models.registry import CONTENT_KNN

HIDDEN = 0.1
"""Share of the known items that are hidden to fit the weights for cold items."""
NO_EVIDENCE, LARGEST_SHARE = 1e-6, 0.5
"""Bounds of the probability that an event is of a new item."""
COLD = "cold items"


@dataclass(frozen=True)
class ColdItems:
    """Ranking of cold items among each other, and of new ones against known items."""

    share: float = 0.0
    """Probability that an event is of a new item."""
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


def share_of_new(windows: Sequence[Holdout], histories: Interactions, arrivals: Arrivals | None) -> float:
    """Returns the probability that an event is of an item that is new, from those that were new before a holdout.

    It is the smoothed share of held-out events of items that were new then, times the number of items that are new now
    over the number of those. Windows before which no item was new say nothing.

    Args:
        windows: Holdouts of the histories. The remaining events of each end where it begins.
        histories: All interactions.
        arrivals: Arrival of items; None if no item is new.

    Returns:
        NO_EVIDENCE, so that new items take the last of their slots, if no item was new then; at most LARGEST_SHARE.
    """
    if arrivals is None:
        return NO_EVIDENCE
    then = [arrivals.new(held.histories) & arrivals.arrived(held.histories) & held.recommendable for held in windows]
    taken = [new[held.targets] for new, held in zip(then, windows, strict=True) if new.any()]
    if not taken:
        return NO_EVIDENCE
    now = (arrivals.new(histories) & windows[0].recommendable).sum()
    before = np.mean([new.sum() for new in then if new.any()])
    events = np.concatenate(taken)
    return float(np.clip((events.sum() + 0.5) / (len(events) + 1) * now / before, NO_EVIDENCE, LARGEST_SHARE))


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
        return EnsembleWeights({CONTENT_KNN: 1.0}, {}), {}
    features = HoldoutFeatures.of(models, hidden)
    measure = Evaluator(hidden, vectors)
    together = measure.summary(cross_fitted(features, seed, prior=NO_PRIOR)[0])
    alone = {name: measure.summary(features.lists({name: 1.0})) for name in models}
    selected = fit_ensemble_weights(features, seed, NO_PRIOR)
    best = max(alone, key=lambda name: alone[name]["ndcg@10"])
    if alone[best]["ndcg@10"] > together["ndcg@10"]:
        selected, together = EnsembleWeights({best: 1.0}, selected.gains), alone[best]
    return selected, {COLD: together} | {f"{COLD}, {name}": values for name, values in alone.items()}
