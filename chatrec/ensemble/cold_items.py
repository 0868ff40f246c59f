"""Items that nobody took yet: how much each channel of texts counts among them, and how likely an event is of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.ensemble.weights import EnsembleWeights, HoldoutFeatures, cross_fitted_lists, fit_mix
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout, hold_items_out
from chatrec.models.base import Model

HIDDEN = 0.1
"""The share of known items that are hidden to learn what texts say of new ones."""
NEW = "new items"
UNTESTED = "text"
"""What ranks new items where nothing could be hidden."""


@dataclass(frozen=True)
class ColdItems:
    """How new items are ranked among each other, and against the known ones."""

    share: float = 0.0
    """The chance that an event is of a new item."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the channels of texts."""
    channels: Mapping[str, Any] = field(default_factory=dict)


def hide_items(histories: Interactions, items: int, seed: int) -> Holdout:
    """Hides a seeded tenth of the items with events, as if they were new."""
    known = np.unique(histories.items)
    count = int(np.ceil(HIDDEN * len(known)))
    hidden = np.zeros(items, bool)
    hidden[np.random.default_rng(seed).choice(known, count, replace=False)] = True
    return hold_items_out(histories, hidden, seed)


def share_of_new(holdout: Holdout) -> float:
    """How many of the held-out events were of items without earlier ones; never none and never all."""
    known = np.isin(holdout.targets, holdout.histories.items)
    return float(((~known).sum() + 0.5) / (len(known) + 1))


def fit_new(
    channels: Mapping[str, Model], hidden: Holdout, vectors: Array, seed: int
) -> tuple[EnsembleWeights, dict[str, dict[str, float]]]:
    """Weighs channels of texts on hidden items; if their best one ranks better than all of them, it stays alone.

    Likelihood weighs channels, and what is likelier need not rank better where one channel is far ahead.

    Args:
        channels: fitted without the hidden items.
        hidden: those items, alone in the lists.
        vectors: items × dimensions, for the diversity of lists.
        seed: of the bootstrap.

    Returns:
        The weights, and metrics of all channels together and of each alone; none where nothing could be hidden.
    """
    if not len(hidden):
        return EnsembleWeights({UNTESTED: 1.0}, {}), {}
    trial, everybody = HoldoutFeatures.of(channels, hidden), np.arange(len(hidden))
    measure = Evaluator(hidden, vectors)
    together = measure.summary(cross_fitted_lists(trial, seed))
    alone = {name: measure.summary(trial.lists({name: 1.0}, everybody)) for name in channels}
    mix, best = fit_mix(trial, everybody, seed), max(alone, key=lambda name: alone[name]["ndcg@10"])
    if alone[best]["ndcg@10"] > together["ndcg@10"]:
        mix, together = EnsembleWeights({best: 1.0}, mix.gains), alone[best]
    return mix, {NEW: together} | {f"{NEW}, {name}": each for name, each in alone.items()}
