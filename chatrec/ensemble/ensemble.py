"""The ensemble of a run: models weighted and chosen on held-out events, then fitted again on all events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.config.ranking import Form
from chatrec.data.arrays import IntArray
from chatrec.ensemble.choice import ENSEMBLE, Choice, alone, choose, without_evidence
from chatrec.ensemble.cold_items import COLD, ColdItems, fit_cold, hide_items, share_of_new
from chatrec.ensemble.holdout_candidates import CANDIDATES, HoldoutCandidates
from chatrec.ensemble.holdout_metrics import HoldoutMetrics
from chatrec.ensemble.inner_product import Softmax
from chatrec.ensemble.weights import EnsembleWeights, HoldoutFeatures, cross_fitted, fit_ensemble_weights
from chatrec.evaluation.holdout import Holdout, K
from chatrec.evaluation.pooled import PooledEvaluator
from chatrec.models import ease
from chatrec.models.base import Model
from chatrec.models.entry import Case
from chatrec.models.registry import EASE, POPULARITY, TEXTS, fit_models, limits, names
from chatrec.models.serialization import load_models, save_models
from chatrec.runs.files import write_atomically
from chatrec.runs.results import EnsembleResult

ENSEMBLE_FILE = "ensemble.json"


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


def fit(case: Case, windows: Sequence[Holdout], others: Mapping[str, Model], folder: Path) -> EnsembleResult:
    """Fits the ensemble and writes it, METRICS and the candidates of held-out users.

    Args:
        case: Data that models may be fitted on, target, form, and configs.
        windows: Holdouts of its histories, the latest first; none if no event can be held out.
        others: Models fitted elsewhere without the held-out events; they are not fitted again.
        folder: Folder of the step.

    Returns:
        The result of the step.
    """
    case, data = _with_penalty(case, windows), case.data
    rest = replace(data, histories=windows[0].histories) if windows else data
    hidden = hide_items(rest.histories, data.items, data.seed)
    before = [replace(case, data=replace(data, histories=window.histories)) for window in windows]
    suited = {*names(case)}.intersection(*map(names, before))
    of_texts = fit_models(replace(case, data=replace(data, histories=hidden.histories)), suited & TEXTS)
    cold, of_cold = fit_cold(of_texts, hidden, data.texts, data.seed)
    first, prior = without_evidence(case)
    selected, choice = EnsembleWeights(prior, {}), Choice(first, POPULARITY)
    measured, held = HoldoutMetrics(published=first, baseline=POPULARITY), HoldoutCandidates.without_users()
    if windows:
        features = _features(before, windows, others, of_texts, suited)
        selected, choice, measured, held = _select(case, features, windows, first)
    held.save(folder)
    kept = fit_models(case, {*selected.weights, *cold.weights} - others.keys())
    save_models(kept, folder)
    limited = limits(case)
    facts = {**asdict(selected), "form": case.form, "limits": limited, "ease penalty": case.configs.ease.l2}
    facts["cold items"] = {**asdict(cold), "share": share_of_new(windows, data.histories, data.arrivals)}
    write_atomically(folder / ENSEMBLE_FILE, json.dumps(facts, indent=1))
    measured = replace(measured, models={**measured.models, **of_cold})
    measured.save(folder)
    ndcg = {name: values["ndcg@10"] for name, values in measured.models.items()}
    return EnsembleResult(
        form=case.form,
        weights=_rounded(selected),
        cold_item_weights=_rounded(cold),
        limits=limited,
        published=choice.published,
        baseline=choice.baseline,
        holdout_users=measured.people,
        holdout_windows=len(windows),
        ndcg=ndcg.get(choice.published),
        baseline_ndcg=ndcg.get(choice.baseline),
        popularity_ndcg=ndcg.get(POPULARITY),
        cold_items_ndcg=ndcg.get(COLD),
    )


def _rounded(ensemble: EnsembleWeights) -> dict[str, float]:
    return {name: round(weight, 3) for name, weight in ensemble.weights.items()}


def _features(
    before: Sequence[Case],
    windows: Sequence[Holdout],
    others: Mapping[str, Model],
    of_texts: Mapping[str, Model],
    suited: set[str],
) -> HoldoutFeatures:
    """Returns the features of all windows, under models fitted without their events.

    On a large log, text models of the first window are fitted without the hidden items too, which saves a fit.
    """
    parts = list[HoldoutFeatures]()
    for case, window in zip(before, windows, strict=True):
        given = of_texts if case.is_large and not parts else {}
        fitted: dict[str, Any] = {**given, **fit_models(case, suited - given.keys())}
        if case.form == "inner_product":
            fitted = {name: Softmax(model) for name, model in fitted.items()}
        parts.append(HoldoutFeatures.of({**others, **fitted}, window))
    return HoldoutFeatures.joined(parts)


def _select(
    case: Case, features: HoldoutFeatures, windows: Sequence[Holdout], first: str
) -> tuple[EnsembleWeights, Choice, HoldoutMetrics, HoldoutCandidates]:
    """Returns the published weights, the choice behind them, all metrics, and candidates of the first window."""
    seed, pooled = case.data.seed, PooledEvaluator(windows, case.data.texts)
    best = cross_fitted(features, seed, CANDIDATES)
    lists: dict[str, IntArray] = {name: features.lists(alone(name)) for name in features.names}
    lists[ENSEMBLE] = best[0][:, :K]
    ndcg = {name: pooled.ndcg(items) for name, items in lists.items()}
    choice = choose(ndcg, first, seed)
    selected = fit_ensemble_weights(features, seed)
    if choice.published != ENSEMBLE:
        selected = EnsembleWeights(alone(choice.published), selected.gains)
        best = features.best(selected.weights, np.arange(len(features)), CANDIDATES)
    newest = slice(len(windows[0]))
    summaries = {name: pooled.summary(items) for name, items in lists.items()}
    measured = HoldoutMetrics(summaries, choice.published, choice.baseline, choice.gain, pooled.people)
    return selected, choice, measured, HoldoutCandidates.of(windows[0], best[0][newest], best[1][newest])


def _with_penalty(case: Case, windows: Sequence[Holdout]) -> Case:
    """Returns the case with the penalty of EASE that has the highest NDCG@10 on held-out events."""

    def under(penalty: float) -> Case:
        config = replace(case.configs.ease, l2=penalty)
        return replace(case, configs=replace(case.configs, ease=config))

    if case.form == "inner_product" or not windows or not ease.compares_penalties(case.data):
        return under(ease.DEFAULT_PENALTY)
    decay = min(EASE.values()) if case.target == "next_item" else max(EASE.values())

    def quality(penalty: float) -> float:
        config = replace(case.configs.ease, l2=penalty, decay=decay)
        fitted = (ease.fit(replace(case.data, histories=window.histories), config) for window in windows)
        return sum(float(window.ndcg(model.score).sum()) for window, model in zip(windows, fitted, strict=True))

    return under(max(ease.PENALTIES, key=quality))
