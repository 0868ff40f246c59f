"""The ensemble of a run: models weighted on held-out events, then fitted again on all events."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.config.settings import Form, Target
from chatrec.data.arrays import Array
from chatrec.ensemble.cold_items import NEW, ColdItems, fit_new, hide_items, share_of_new
from chatrec.ensemble.holdout_candidates import CANDIDATES, HoldoutCandidates
from chatrec.ensemble.holdout_metrics import HoldoutMetrics
from chatrec.ensemble.inner_product import Softmax
from chatrec.ensemble.weights import EnsembleWeights, HoldoutFeatures, cross_fitted, fit_mix
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout, K
from chatrec.evaluation.metrics import paired_difference
from chatrec.models import ease
from chatrec.models.base import Model
from chatrec.models.configs import DEFAULTS, Configs
from chatrec.models.registry import EASE, POPULARITY, TEXTS, fit_channels, limits, names
from chatrec.models.serialization import load_channels, save_channels
from chatrec.models.training_data import TrainingData
from chatrec.runs.results import EnsembleResult
from chatrec.runs.run import write_atomically

MIX = "mix.json"
BLEND = "blend"
NO_PENALTY = 0.0
"""Text models have penalties of their own."""


@dataclass(frozen=True)
class Ensemble:
    """Models and weights of a run."""

    weights: Mapping[str, float]
    """Weight of each model in use."""
    channels: Mapping[str, Any]
    """Models fitted with the ensemble. The other models come from steps of their own."""
    form: Form = "exact"
    new: ColdItems = field(default_factory=ColdItems)

    @classmethod
    def load(cls, folder: Path) -> "Ensemble":
        """Loads an ensemble written by `learn`."""
        mix, channels = json.loads((folder / MIX).read_text(encoding="utf-8")), load_channels(folder)
        weights, of_new = mix["weights"], mix["new"]["weights"]
        new = ColdItems(mix["new"]["share"], of_new, {name: channels[name] for name in of_new})
        used = {name: channel for name, channel in channels.items() if name in weights}
        if mix["form"] == "exact":
            return cls(weights, used, "exact", new)
        scaled = {name: Softmax(channel, weights[name]) for name, channel in used.items()}  # type: ignore[arg-type]
        return cls({name: 1.0 if name in scaled else each for name, each in weights.items()}, scaled, "linear", new)


def learn(
    known: TrainingData,
    holdout: Holdout,
    others: Mapping[str, Model],
    target: Target,
    form: Form,
    folder: Path,
    configs: Configs = DEFAULTS,
) -> EnsembleResult:
    """Fits the ensemble and writes it, METRICS and the candidates of held-out users.

    Args:
        known: Data that models may be fitted on.
        holdout: Holdout of its histories.
        others: Models fitted elsewhere without the held-out events; they are not fitted again.
        target: What a list should predict.
        form: exact or linear.
        folder: Folder of the step.
        configs: Configs of the models.

    Returns:
        The result of the step.
    """
    rest, seed = replace(known, histories=holdout.histories), known.seed
    hidden = hide_items(rest.histories, known.items, seed)
    suited = {*names(known, target, form, configs)}  # a model that suits a tenth less may not suit all
    of_rest = replace(known, histories=hidden.histories)
    of_texts = fit_channels(of_rest, target, NO_PENALTY, suited & TEXTS, form, configs)
    new, of_new = fit_new(of_texts, hidden, known.texts, seed)
    penalty = _choose_penalty(rest, holdout, target, configs.ease) if form == "exact" else ease.PENALTIES[-1]
    mix, measured = EnsembleWeights({POPULARITY: 1.0}, {}), HoldoutMetrics()
    held = HoldoutCandidates.nothing(holdout)
    if len(holdout):
        fitted: dict[str, Any] = fit_channels(rest, target, penalty, suited - TEXTS, form, configs) | of_texts
        if form == "linear":
            fitted = {name: Softmax(channel) for name, channel in fitted.items()}
        trial = HoldoutFeatures.of({**others, **fitted}, holdout)
        mix = fit_mix(trial, np.arange(len(holdout)), seed)
        held = HoldoutCandidates.of(holdout, *cross_fitted(trial, seed, CANDIDATES))
        measured = _measure(trial, held.items[:, :K], Evaluator(holdout, known.texts), seed)
    held.save(folder)
    kept = fit_channels(known, target, penalty, {*mix.weights, *new.weights} - others.keys(), form, configs)
    save_channels(kept, folder)
    limited = limits(known, target, form, configs)
    facts = {**asdict(mix), "form": form, "limits": limited, "ease penalty": penalty}
    facts["new"] = {**asdict(new), "share": share_of_new(holdout)}
    measured = replace(measured, models={**measured.models, **of_new})
    write_atomically(folder / MIX, json.dumps(facts, indent=1))
    measured.save(folder)
    ndcg = {name: values["ndcg@10"] for name, values in measured.models.items()}
    return EnsembleResult(
        form=form,
        weights=_rounded(mix),
        cold_item_weights=_rounded(new),
        limits=limited,
        holdout_users=len(holdout),
        ndcg=ndcg.get(BLEND),
        popularity_ndcg=ndcg.get(POPULARITY),
        cold_items_ndcg=ndcg.get(NEW),
    )


def _rounded(mix: EnsembleWeights) -> dict[str, float]:
    return {name: round(weight, 3) for name, weight in mix.weights.items()}


def _choose_penalty(rest: TrainingData, holdout: Holdout, target: Target, config: ease.Config) -> float:
    """Returns the penalty of EASE with the higher NDCG@10 on held-out events. A large catalogue is fitted only once."""
    if rest.items > ease.ONE_PENALTY_FROM or not len(holdout):
        return ease.PENALTIES[-1]
    decay = min(EASE.values()) if target == "next" else max(EASE.values())

    def quality(penalty: float) -> float:
        channel = ease.fit(rest, replace(config, l2=penalty, decay=decay))
        return float(holdout.ndcg(channel.score).mean())

    return max(ease.PENALTIES, key=quality)


def _measure(trial: HoldoutFeatures, of_blend: Array, measure: Evaluator, seed: int) -> HoldoutMetrics:
    """Returns metrics by model, and the gain of the ensemble over popularity with its interval."""
    lists: dict[str, Array] = {BLEND: of_blend}
    everybody = np.arange(len(measure.holdout))
    lists |= {name: trial.lists({name: 1.0}, everybody) for name in trial.names}
    better = paired_difference(measure.ndcg(lists[BLEND]), measure.ndcg(lists[POPULARITY]), seed)
    return HoldoutMetrics({name: measure.summary(each) for name, each in lists.items()}, better)
