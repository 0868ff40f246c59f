"""The ensemble of a run: models weighted on held-out events, then fitted again on all events."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.config.ranking import Form, Target
from chatrec.data.arrays import Array
from chatrec.ensemble.cold_items import COLD, ColdItems, fit_cold, hide_items, share_of_new
from chatrec.ensemble.holdout_candidates import CANDIDATES, HoldoutCandidates
from chatrec.ensemble.holdout_metrics import HoldoutMetrics
from chatrec.ensemble.inner_product import Softmax
from chatrec.ensemble.weights import EnsembleWeights, HoldoutFeatures, cross_fitted, fit_ensemble_weights
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout, K
from chatrec.evaluation.metrics import paired_difference
from chatrec.models import ease
from chatrec.models.base import Model
from chatrec.models.configs import DEFAULTS, Configs
from chatrec.models.registry import EASE, POPULARITY, TEXTS, fit_models, limits, names
from chatrec.models.serialization import load_models, save_models
from chatrec.models.training_data import TrainingData
from chatrec.runs.results import EnsembleResult
from chatrec.runs.run import write_atomically

ENSEMBLE_FILE = "ensemble.json"
ENSEMBLE = "ensemble"
NO_PENALTY = 0.0
"""Text models have penalties of their own."""


@dataclass(frozen=True)
class Ensemble:
    """Models and weights of a run."""

    weights: Mapping[str, float]
    """Weight of each model in use."""
    models: Mapping[str, Any]
    """Models fitted with the ensemble. The other models come from steps of their own."""
    form: Form = "rerank"
    cold: ColdItems = field(default_factory=ColdItems)

    @classmethod
    def load(cls, folder: Path) -> "Ensemble":
        """Loads an ensemble written by `fit`."""
        stored, models = json.loads((folder / ENSEMBLE_FILE).read_text(encoding="utf-8")), load_models(folder)
        weights, of_cold = stored["weights"], stored["cold items"]["weights"]
        cold = ColdItems(stored["cold items"]["share"], of_cold, {name: models[name] for name in of_cold})
        used = {name: model for name, model in models.items() if name in weights}
        if stored["form"] == "rerank":
            return cls(weights, used, "rerank", cold)
        scaled = {name: Softmax(model, weights[name]) for name, model in used.items()}  # type: ignore[arg-type]
        weights = {name: 1.0 if name in scaled else weight for name, weight in weights.items()}
        return cls(weights, scaled, "inner_product", cold)


def fit(
    data: TrainingData,
    holdout: Holdout,
    others: Mapping[str, Model],
    target: Target,
    form: Form,
    folder: Path,
    configs: Configs = DEFAULTS,
) -> EnsembleResult:
    """Fits the ensemble and writes it, METRICS and the candidates of held-out users.

    Args:
        data: Data that models may be fitted on.
        holdout: Holdout of its histories.
        others: Models fitted elsewhere without the held-out events; they are not fitted again.
        target: Events that a list should predict.
        form: rerank or inner_product.
        folder: Folder of the step.
        configs: Configs of the models.

    Returns:
        The result of the step.
    """
    rest, seed = replace(data, histories=holdout.histories), data.seed
    hidden = hide_items(rest.histories, data.items, seed)
    suited = {*names(data, target, form, configs)}  # a model that suits a tenth less may not suit all
    of_rest = replace(data, histories=hidden.histories)
    of_texts = fit_models(of_rest, target, NO_PENALTY, suited & TEXTS, form, configs)
    cold, of_cold = fit_cold(of_texts, hidden, data.texts, seed)
    penalty = _choose_penalty(rest, holdout, target, configs.ease) if form == "rerank" else ease.PENALTIES[-1]
    selected, measured = EnsembleWeights({POPULARITY: 1.0}, {}), HoldoutMetrics()
    held = HoldoutCandidates.empty(holdout)
    if len(holdout):
        fitted: dict[str, Any] = fit_models(rest, target, penalty, suited - TEXTS, form, configs) | of_texts
        if form == "inner_product":
            fitted = {name: Softmax(model) for name, model in fitted.items()}
        features = HoldoutFeatures.of({**others, **fitted}, holdout)
        selected = fit_ensemble_weights(features, np.arange(len(holdout)), seed)
        held = HoldoutCandidates.of(holdout, *cross_fitted(features, seed, CANDIDATES))
        measured = _measure(features, held.items[:, :K], Evaluator(holdout, data.texts), seed)
    held.save(folder)
    kept = fit_models(data, target, penalty, {*selected.weights, *cold.weights} - others.keys(), form, configs)
    save_models(kept, folder)
    limited = limits(data, target, form, configs)
    facts = {**asdict(selected), "form": form, "limits": limited, "ease penalty": penalty}
    facts["cold items"] = {**asdict(cold), "share": share_of_new(holdout, data.histories, data.arrivals)}
    write_atomically(folder / ENSEMBLE_FILE, json.dumps(facts, indent=1))
    measured = replace(measured, models={**measured.models, **of_cold})
    measured.save(folder)
    ndcg = {name: values["ndcg@10"] for name, values in measured.models.items()}
    return EnsembleResult(
        form=form,
        weights=_rounded(selected),
        cold_item_weights=_rounded(cold),
        limits=limited,
        holdout_users=len(holdout),
        ndcg=ndcg.get(ENSEMBLE),
        popularity_ndcg=ndcg.get(POPULARITY),
        cold_items_ndcg=ndcg.get(COLD),
    )


def _rounded(ensemble: EnsembleWeights) -> dict[str, float]:
    return {name: round(weight, 3) for name, weight in ensemble.weights.items()}


def _choose_penalty(rest: TrainingData, holdout: Holdout, target: Target, config: ease.Config) -> float:
    """Returns the penalty of EASE with the higher NDCG@10 on held-out events. A large catalogue is fitted only once."""
    if rest.items > ease.ONE_PENALTY_FROM or not len(holdout):
        return ease.PENALTIES[-1]
    decay = min(EASE.values()) if target == "next_item" else max(EASE.values())

    def quality(penalty: float) -> float:
        model = ease.fit(rest, replace(config, l2=penalty, decay=decay))
        return float(holdout.ndcg(model.score).mean())

    return max(ease.PENALTIES, key=quality)


def _measure(features: HoldoutFeatures, of_ensemble: Array, measure: Evaluator, seed: int) -> HoldoutMetrics:
    """Returns metrics by model, and the gain of the ensemble over popularity with its interval."""
    lists: dict[str, Array] = {ENSEMBLE: of_ensemble}
    all_users = np.arange(len(measure.holdout))
    lists |= {name: features.lists({name: 1.0}, all_users) for name in features.names}
    gain = paired_difference(measure.ndcg(lists[ENSEMBLE]), measure.ndcg(lists[POPULARITY]), seed)
    return HoldoutMetrics({name: measure.summary(items) for name, items in lists.items()}, gain)
