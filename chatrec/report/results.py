"""Numbers of an evaluation: every model measured on events that no fit saw, with bootstrap intervals."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.config.ranking import Target
from chatrec.data.arrays import IntArray
from chatrec.ensemble.choice import ENSEMBLE
from chatrec.evaluation.evaluator import Evaluator
from chatrec.evaluation.metrics import Floats, Interval, interval, lorenz, paired_difference
from chatrec.models.registry import POPULARITY
from chatrec.report.compared_models import DAYS, RECENT, ComparedModels
from chatrec.runs.files import write_atomically

NUMBERS = "metrics.json"
LENGTHS = (1, 6, 11, 21, 51, 101)
"""Lower bounds of the bins of history lengths."""
MEASURES = {
    "ndcg@10": "NDCG",
    "recall@10": "Recall",
    "hr@10": "HR",
    "mrr@10": "MRR",
    "map@10": "MAP",
    "debiased ndcg@10": "debiased NDCG",
    "coverage@10": "coverage",
    "novelty@10": "novelty",
    "gini@10": "Gini",
    "diversity@10": "diversity",
}
"""Columns of a table, in order; all at 10."""
LESS_IS_MORE = {"gini@10"}


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation, stored as JSON. An interval is a mean with its lower and upper bound at 95 %."""

    run: str
    """Key of the run of the snapshot."""
    target: Target
    users: int
    """Number of users with held-out events."""
    targets: int
    items: int
    """Number of recommendable items."""
    weights: Mapping[str, float]
    """Weights of the ensemble."""
    systems: Mapping[str, Mapping[str, float]]
    """All metrics by model, the ensemble first, then by NDCG@10."""
    ndcg: Mapping[str, Interval]
    """NDCG@10 of each model."""
    ahead: Mapping[str, Interval]
    """Gain in NDCG@10 of the ensemble over each other model, paired by user."""
    without: Mapping[str, Interval]
    """Gain in NDCG@10 of the ensemble over the ensemble without a model, paired by user."""
    lengths: list[dict[str, Any]]
    """Bins of history lengths: events, users, and NDCG@10 of the ensemble and of popularity."""
    exposure: Mapping[str, list[float]]
    """Lorenz curves of the ensemble and of popularity."""
    learning: Mapping[str, list[float]] | None
    """Learning curve of AIGC: events and loss."""
    notes: list[str] = field(default_factory=list)
    """Omitted measurements and the reasons."""

    def save(self, folder: Path) -> None:
        """Writes NUMBERS."""
        write_atomically(folder / NUMBERS, json.dumps(asdict(self), indent=1, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> "Evaluation":
        """Loads an evaluation written by `save`."""
        return cls(**json.loads((folder / NUMBERS).read_text(encoding="utf-8")))

    @property
    def plotted(self) -> list[str]:
        """Models shown in every plot: the ensemble, and popularity of all time and of the last days."""
        return [name for name in (ENSEMBLE, POPULARITY, RECENT) if name in self.systems]


def measure(
    systems: ComparedModels,
    evaluator: Evaluator,
    run: str,
    target: Target,
    seed: int,
    learning: Mapping[str, list[float]] | None,
) -> Evaluation:
    """Evaluates all models.

    Args:
        systems: Models fitted without the held-out events.
        evaluator: Evaluator of the held-out events.
        run: Key of the run of the snapshot.
        target: Events that a list should predict.
        seed: Seed of the bootstrap.
        learning: Content of CURVE of the step aigc, if it exists.
    """
    held = evaluator.holdout
    ensembles = systems.lists_of_ensembles(held)
    lists = {ENSEMBLE: ensembles.pop(ENSEMBLE), **systems.lists_of_models(held)}
    ndcg = {name: evaluator.ndcg(items) for name, items in lists.items()}
    order = sorted(lists, key=lambda name: (name != ENSEMBLE, -ndcg[name].mean(), name))
    plotted = [name for name in (ENSEMBLE, POPULARITY, RECENT) if name in lists]
    summaries = {name: evaluator.summary(lists[name]) for name in order}
    return Evaluation(
        run=run,
        target=target,
        users=len(held),
        targets=len(held.targets),
        items=int(held.recommendable.sum()),
        weights={name: round(weight, 4) for name, weight in systems.weights.items()},
        systems=summaries,
        ndcg={name: interval(ndcg[name], seed) for name in order},
        ahead={name: paired_difference(ndcg[ENSEMBLE], ndcg[name], seed) for name in order[1:]},
        without={
            name: paired_difference(ndcg[ENSEMBLE], evaluator.ndcg(items), seed) for name, items in ensembles.items()
        },
        lengths=_by_length(held.histories.lengths[held.users], {name: ndcg[name] for name in plotted}, seed),
        exposure={name: lorenz(evaluator.exposure(lists[name])).round(6).tolist() for name in plotted},
        learning=learning,
        notes=_missing(summaries, learning),
    )


def _by_length(lengths: IntArray, ndcg: Mapping[str, Floats], seed: int) -> list[dict[str, Any]]:
    bins = np.digitize(lengths, LENGTHS) - 1
    return [
        {
            "events": _bin_label(number),
            "users": int((bins == number).sum()),
            "ndcg": {name: interval(values[bins == number], seed) for name, values in ndcg.items()},
        }
        for number in np.unique(bins).tolist()
    ]


def _bin_label(number: int) -> str:
    first = LENGTHS[number]
    return f"{first}+" if number + 1 == len(LENGTHS) else f"{first}–{LENGTHS[number + 1] - 1}"


def _missing(summaries: Mapping[str, Mapping[str, float]], learning: object) -> list[str]:
    notes = {
        f"Popularity of the last {DAYS} days is left out: either all events are that new, or the times of this log are "
        "positions in an order and not timestamps.": RECENT not in summaries,
        "Diversity is left out: the text vectors of all items are the same.": "diversity@10" not in summaries[ENSEMBLE],
        "The learning curve is left out: the step aigc recorded no loss.": learning is None,
    }
    return [note for note, missing in notes.items() if missing]
