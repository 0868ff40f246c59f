"""Privacy utility: NDCG@10 on held-out events at several ε. The numbers are of real users and not private."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from chatrec.data.arrays import Array, IntArray
from chatrec.ensemble.choice import ENSEMBLE
from chatrec.ensemble.private import WEIGHTS, private_models
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.holdout import Holdout
from chatrec.evaluation.metrics import Interval, interval
from chatrec.models import ease, popularity
from chatrec.models.training_data import TrainingData
from chatrec.privacy import gaussian
from chatrec.privacy import statistics as releases
from chatrec.privacy.noise import Noise
from chatrec.report.compared_models import ComparedModels
from chatrec.report.plots import Plot, Theme
from chatrec.runtime.progress import progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EPSILONS = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class Utility:
    """NDCG@10 with 95 % intervals."""

    private: dict[float, Interval]
    """Private lists by ε."""
    ease: Interval
    """EASE without privacy: the upper reference."""
    popular: Interval
    """Popularity without noise."""
    users: int
    """Number of users with held-out events."""


def measure(
    data: TrainingData, items: Array, holdout: Holdout, epsilons: Sequence[float], delta: float, noise: Noise, run: str
) -> Utility:
    """Fits on the remaining events at each ε, and measures on the held-out ones.

    Args:
        data: Texts and features of the catalogue, and the seed of intervals.
        items: Item ids as text.
        holdout: Holdout of the histories.
        epsilons: ε of one release, one value per fit.
        delta: δ of one release.
        noise: Noise of the secret.
        run: Key of the run of the snapshot.
    """
    evaluator, rest = Evaluator(holdout, data.texts), replace(data, histories=holdout.histories)

    def quality(lists: IntArray) -> Interval:
        return interval(evaluator.ndcg(lists), data.seed)

    def at(epsilon: float) -> Interval:
        deviation = gaussian.deviation_of(epsilon, delta)
        own = releases.about(noise, run, rest.histories, items, deviation)
        release = releases.make(rest.histories, items, deviation, own)
        return quality(ComparedModels(private_models(rest, release), WEIGHTS).lists_of_ensembles(holdout)[ENSEMBLE])

    private = {}
    with progress("Measuring privacy utility", len(epsilons), "values of ε") as shown:
        for epsilon in epsilons:
            private[epsilon] = at(epsilon)
            shown.advance(note=f"ε {epsilon:g}: {private[epsilon][0]:.4f}")
    not_private = ease.fit(rest)
    popular = popularity.fit(rest)
    return Utility(
        private, quality(holdout.lists(not_private.score)), quality(holdout.lists(popular.score)), len(holdout)
    )


def plot(utility: Utility) -> Plot:
    """Returns the plot of NDCG@10 by ε."""
    levels = {"EASE, not private": utility.ease, "popularity, not private": utility.popular}

    def draw(axes: Axes, theme: Theme) -> None:
        epsilons = sorted(utility.private)
        values = np.array([utility.private[epsilon] for epsilon in epsilons])
        ink = theme.of(ENSEMBLE)
        axes.plot(epsilons, values[:, 0], "o-", color=ink, label="private lists")
        axes.fill_between(epsilons, values[:, 1], values[:, 2], color=ink, alpha=0.2, linewidth=0)
        for style, (name, level) in zip(("--", ":"), levels.items(), strict=True):
            axes.axhline(level[0], color=theme.model, linestyle=style, label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks(epsilons, [f"{epsilon:g}" for epsilon in epsilons])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.set(xlabel="ε of one release", ylabel="NDCG@10")
        axes.legend(frameon=False, fontsize=8)

    words = ", ".join(f"{value[0]:.3f} at ε {epsilon:g}" for epsilon, value in utility.private.items())
    caption = "The curve uses held-out events of real users: it is for the operator and is not private."
    return Plot("privacy", "Privacy utility", caption, f"NDCG@10 of private lists: {words}.", draw)
