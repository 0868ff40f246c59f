"""The choice of the published system: the ensemble, or one of its models if held-out people show that model ahead.

With many held-out people the ensemble has to be ahead of every baseline. With few of them it is published with weights
near `weights.PRIOR`, in which each kind of simple model has a part, unless a baseline is probably ahead. A model that
is no baseline replaces it only if it is clearly ahead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chatrec.ensemble.weights import PRIOR
from chatrec.evaluation.metrics import Floats, Interval, paired_difference
from chatrec.extract.data_shape import ENOUGH_HELD_OUT
from chatrec.models.entry import Case
from chatrec.models.registry import BASELINES, CONTENT_KNN, POPULARITY, names

ENSEMBLE = "ensemble"
FILL = 0.05
"""Weight of popularity beside a single model. It orders the items that the model cannot tell apart."""
SHARED = 1.5
"""Mean number of users of an item with events, below which what others took says nothing and texts are compared."""
PROBABLE, CLEAR = 0.8, 0.95
"""Confidence levels of the interval of a gain by which a baseline, with fewer people, and any other model replaces the
ensemble. From ENOUGH_HELD_OUT people on, a baseline replaces it by being ahead at all."""


@dataclass(frozen=True)
class Choice:
    """The system that a run publishes, with the evidence."""

    published: str
    """ENSEMBLE or the name of a model."""
    baseline: str
    """The best baseline on held-out events, or the simplest one without any."""
    gain: Interval | None = None
    """NDCG@10 of the published system minus that of the baseline, with its 95 % interval; None without any events."""


def alone(name: str) -> dict[str, float]:
    """Returns the weights of a single model."""
    return {name: 1.0} if name == POPULARITY else {name: 1.0, POPULARITY: FILL}


def without_evidence(case: Case) -> tuple[str, dict[str, float]]:
    """Returns the system that is published if no events can be held out, or if they say nothing, and its weights.

    If hardly any item was taken by two people, it is the similarity of texts, else the ensemble with its prior weights.
    """
    data, suited = case.data, names(case)
    pairs, items = len(data.histories.distinct(data.items)[0]), len(np.unique(data.histories.items))
    if pairs < SHARED * items and data.texts.any():
        return CONTENT_KNN, alone(CONTENT_KNN)
    prior = {name: weight for name, weight in PRIOR.items() if name in suited}
    return ENSEMBLE, prior


def choose(ndcg: Mapping[str, Floats], first: str, seed: int) -> Choice:
    """Chooses among systems by their NDCG@10 on held-out events.

    Args:
        ndcg: Values by person of each system, the ensemble and its models.
        first: System that others have to replace.
        seed: Seed of the bootstrap.
    """
    published, baselines = first, [name for name in BASELINES if name in ndcg]
    for name, values in ndcg.items():
        if values.mean() <= ndcg[published].mean():
            continue
        is_baseline = name in baselines
        level = PROBABLE if is_baseline else CLEAR
        suffices = is_baseline and len(values) >= ENOUGH_HELD_OUT
        if suffices or paired_difference(values, ndcg[published], seed, level)[1] > 0:
            published = name
    baseline = max(baselines, key=lambda name: ndcg[name].mean())
    return Choice(published, baseline, paired_difference(ndcg[published], ndcg[baseline], seed))
