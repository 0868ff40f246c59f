"""The models that an evaluation compares: every model alone, the ensemble, and the ensemble without each model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chatrec.data.arrays import Array, FloatArray
from chatrec.ensemble.candidates import PADDING, RETRIEVED, Candidates, best_items, retrieve
from chatrec.ensemble.choice import ENSEMBLE
from chatrec.ensemble.ensemble import ENSEMBLE_FILE, Ensemble
from chatrec.ensemble.log_shares import ScoredLogShares
from chatrec.evaluation.holdout import Holdout, K
from chatrec.models import popularity
from chatrec.models.base import Model
from chatrec.models.entry import Case
from chatrec.models.registry import POPULARITY, fit_models

DAYS = 7
RECENT = f"popularity_{DAYS}_days"


@dataclass(frozen=True)
class ComparedModels:
    """Compared models, fitted without the held-out events."""

    models: Mapping[str, Model]
    """All models that the ensemble tried, and popularity of the last days if the log has timestamps."""
    weights: Mapping[str, float]
    """Weights of the ensemble."""

    @classmethod
    def load(cls, ensemble: Path, case: Case, others: Mapping[str, Model]) -> "ComparedModels":
        """Loads the models that the ensemble kept, and fits those that it dropped.

        Args:
            ensemble: Folder of the step ensemble.
            case: Case that the ensemble was fitted on, with the default penalty of EASE.
            others: Models fitted elsewhere.
        """
        loaded = Ensemble.load(ensemble)
        stored = json.loads((ensemble / ENSEMBLE_FILE).read_text(encoding="utf-8"))
        models = {**others, **loaded.models}
        dropped = {POPULARITY, *stored["gains"]} - models.keys()
        of_ease = replace(case.configs.ease, l2=stored["ease penalty"])
        fitted = replace(case, form=loaded.form, configs=replace(case.configs, ease=of_ease))
        models |= fit_models(fitted, dropped)
        recent = popularity.fit_last_days(case.data, DAYS)
        return cls(models if recent is None else {**models, RECENT: recent}, loaded.weights)

    def lists_of_models(self, holdout: Holdout) -> dict[str, Array]:
        """Returns the lists of each model, users × K."""
        return {name: holdout.lists(model.score) for name, model in self.models.items()}

    def lists_of_ensembles(self, holdout: Holdout) -> dict[str, Array]:
        """Returns the lists of the ensemble, as ENSEMBLE, and without each model, by its name: users × K.

        The weights of the other models stay the same, so this measures what a model adds to them, not the best ensemble
        without it.
        """
        all_weights = np.array(list(self.weights.values()), np.float32)
        all_variants = {ENSEMBLE: all_weights}
        if len(all_weights) > 1:
            all_variants |= {
                name: np.where(np.arange(len(all_weights)) == n, 0, all_weights) for n, name in enumerate(self.weights)
            }
        width = min(K, len(holdout.recommendable))
        lists: dict[str, list[Array]] = {name: [np.empty((0, width), np.int32)] for name in all_variants}
        for batch in holdout.batches():
            log_shares = [ScoredLogShares.of(self.models[name], batch) for name in self.weights]
            candidates = retrieve(log_shares, batch, RETRIEVED)
            for name, weights in all_variants.items():
                lists[name].append(_best(candidates, weights, width))
        return {name: np.concatenate(parts) for name, parts in lists.items()}


def _best(candidates: Candidates, weights: FloatArray, width: int) -> Array:
    best, _ = best_items(candidates.items, candidates.log_shares, weights, width)
    return np.pad(best, [(0, 0), (0, width - best.shape[1])], constant_values=PADDING)
