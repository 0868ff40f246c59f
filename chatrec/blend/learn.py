"""The night's blend: channels fitted on what is not held out, weighed on what is, and fitted again on everything."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.blend.fit import Mix, Trial, cross_fitted_lists, fit_mix
from chatrec.channels import ease
from chatrec.channels.base import Channel
from chatrec.channels.files import load_channels, save_channels
from chatrec.channels.registry import EASE, POPULARITY, Known, fit_channels
from chatrec.holdout import HoldOut
from chatrec.measure import Measure
from chatrec.metrics import paired_difference
from chatrec.run import Counts, write_atomically
from chatrec.settings.model import Target
from chatrec.source.snapshot import Array

MIX, METRICS = "mix.json", "metrics.json"
BLEND = "blend"
NOTHING_MEASURED: dict[str, Any] = {"channels": {}, "better than popularity": None}


@dataclass(frozen=True)
class Blend:
    """What a night's lists are made of."""

    weights: Mapping[str, float]
    """Of each channel that is used."""
    channels: Mapping[str, Channel]
    """Those of them that were fitted with the blend; the others come from steps of their own."""

    @classmethod
    def load(cls, folder: Path) -> "Blend":
        """What `learn` wrote."""
        return cls(json.loads((folder / MIX).read_text(encoding="utf-8"))["weights"], load_channels(folder))


def learn(known: Known, holdout: HoldOut, others: Mapping[str, Channel], target: Target, folder: Path) -> Counts:
    """Writes the blend and METRICS.

    Args:
        known: everything that channels may be fitted on.
        holdout: taken out of its histories.
        others: channels that were fitted elsewhere on what is not held out; they are not fitted again.
        target: what a list must predict.
        folder: of the step.

    Returns:
        Held-out users, the weights, and NDCG@10 of the blend and of popularity.
    """
    rest, seed = replace(known, histories=holdout.histories), known.seed
    penalty = _choose_penalty(rest, holdout, target)
    mix, measured = Mix({POPULARITY: 1.0}, {}), NOTHING_MEASURED
    if len(holdout):
        trial = Trial.of({**others, **fit_channels(rest, target, penalty)}, holdout)
        mix = fit_mix(trial, np.arange(len(holdout)), seed)
        measured = _measure(trial, Measure(holdout, known.texts), seed)
    kept = fit_channels(known, target, penalty, set(mix.weights) - set(others))
    save_channels(kept, folder)
    write_atomically(folder / MIX, json.dumps({**asdict(mix), "ease penalty": penalty}, indent=1))
    write_atomically(folder / METRICS, json.dumps(measured, indent=1))
    scores = {f"{name} NDCG@10": measured["channels"][name]["ndcg@10"] for name in (BLEND, POPULARITY) if len(holdout)}
    weights = {name: round(weight, 3) for name, weight in mix.weights.items()}
    return {"held out": len(holdout), "weights": weights, **scores}


def _choose_penalty(rest: Known, holdout: HoldOut, target: Target) -> float:
    """The penalty of EASE that predicts held-out events better; a large catalogue is not fitted twice."""
    if rest.items > ease.ONE_PENALTY_FROM or not len(holdout):
        return ease.PENALTIES[-1]
    fade = min(EASE.values()) if target == "next" else max(EASE.values())

    def quality(penalty: float) -> float:
        channel = replace(ease.fit(rest.histories, rest.items, penalty), fade=fade)
        return float(holdout.ndcg(channel.scores).mean())

    return max(ease.PENALTIES, key=quality)


def _measure(trial: Trial, measure: Measure, seed: int) -> dict[str, Any]:
    """Metrics by channel, and how much better the blend is than popularity, with the bounds of its interval."""
    lists: dict[str, Array] = {BLEND: cross_fitted_lists(trial, seed)}
    everybody = np.arange(len(measure.holdout))
    lists |= {name: trial.lists({name: 1.0}, everybody) for name in trial.names}
    better = paired_difference(measure.ndcg(lists[BLEND]), measure.ndcg(lists[POPULARITY]), seed)
    return {
        "channels": {name: measure.summary(each) for name, each in lists.items()},
        "better than popularity": better,
    }
