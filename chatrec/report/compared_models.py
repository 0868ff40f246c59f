"""The models that an evaluation compares: every model alone, the ensemble, and the ensemble without each model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatrec.config.ranking import Target
from chatrec.data.arrays import Array
from chatrec.ensemble.candidates import GATHERED, NOBODY, Candidates, best_places, gather
from chatrec.ensemble.ensemble import BLEND, MIX, Ensemble
from chatrec.ensemble.log_shares import ScoredEvidence
from chatrec.evaluation.holdout import Holdout, K
from chatrec.models import popularity
from chatrec.models.base import Model
from chatrec.models.registry import POPULARITY, fit_channels
from chatrec.models.training_data import TrainingData

DAYS = 7
RECENT = f"popularity of {DAYS} days"


@dataclass(frozen=True)
class Systems:
    """Compared models, fitted without the held-out events."""

    channels: Mapping[str, Model]
    """All models that the ensemble tried, and popularity of the last days if the log has timestamps."""
    weights: Mapping[str, float]
    """Weights of the ensemble."""

    @classmethod
    def load(cls, blend: Path, known: TrainingData, others: Mapping[str, Model], target: Target) -> "Systems":
        """Loads the models that the ensemble kept, and fits those that it dropped.

        Args:
            blend: Folder of the step blend.
            known: Data that the ensemble was fitted on.
            others: Models fitted elsewhere.
            target: What a list should predict.
        """
        loaded = Ensemble.load(blend)
        mix = json.loads((blend / MIX).read_text(encoding="utf-8"))
        channels = {**others, **loaded.channels}
        dropped = {POPULARITY, *mix["gains"]} - channels.keys()
        channels |= fit_channels(known, target, mix["ease penalty"], dropped, loaded.form)
        recent = popularity.fit_last_days(known, DAYS)
        return cls(channels if recent is None else {**channels, RECENT: recent}, loaded.weights)

    def alone(self, holdout: Holdout) -> dict[str, Array]:
        """Returns the lists of each model, users × K."""
        return {name: holdout.lists(channel.score) for name, channel in self.channels.items()}

    def blended(self, holdout: Holdout) -> dict[str, Array]:
        """Returns the lists of the ensemble, as BLEND, and of the ensemble without each model, by its name: users × K.

        The weights of the other models stay the same, so this measures what a model adds to them, not the best ensemble
        without it.
        """
        all_weights = np.array(list(self.weights.values()), np.float32)
        mixes = {BLEND: all_weights}
        if len(all_weights) > 1:
            mixes |= {
                name: np.where(np.arange(len(all_weights)) == n, 0, all_weights) for n, name in enumerate(self.weights)
            }
        width = min(K, len(holdout.recommendable))
        found: dict[str, list[Array]] = {name: [np.empty((0, width), np.int32)] for name in mixes}
        for batch in holdout.batches():
            evidence = [ScoredEvidence.of(self.channels[name], batch) for name in self.weights]
            candidates = gather(evidence, batch, GATHERED)
            for name, weights in mixes.items():
                found[name].append(_best(candidates, weights, width))
        return {name: np.concatenate(parts) for name, parts in found.items()}


def _best(candidates: Candidates, weights: Array, width: int) -> Array:
    places, _ = best_places(candidates.items, candidates.log_shares, weights, width)
    best = np.take_along_axis(candidates.items, places, 1)
    return np.pad(best, [(0, 0), (0, width - best.shape[1])], constant_values=NOBODY)
