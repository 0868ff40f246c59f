"""Ablation ladder: each model of chatrec's ensemble alone, and the ensemble without each model.

    python -m benchmarks.ladder fit --split SPLIT --items items.csv.gz --target next_item \\
        --folder RUN --out lists.csv.gz
    python -m benchmarks.ladder lists --target next_item --folder RUN --out FOLDER

`fit` does the same as `chatrec evaluate --split`, and keeps the files of its steps. `lists` writes a file of lists for
each row of the ladder and prints its name. Without a model, the weights of the others are fitted again on the same
held-out events. If only cold items may be recommended, the models are those of cold items, weighted on hidden items.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np

from benchmarks.data import Events, K, ListsFile
from chatrec.aigc.aigc import NAME as AIGC
from chatrec.aigc.aigc import WITHOUT_HOLDOUT, AigcModel
from chatrec.aigc.state import AigcState
from chatrec.config import load
from chatrec.config.ranking import Target, full_target
from chatrec.data.arrays import Array
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import RETRIEVED, best_items, retrieve
from chatrec.ensemble.cold_items import hide_items
from chatrec.ensemble.ensemble import ENSEMBLE_FILE, Ensemble
from chatrec.ensemble.log_shares import ScoredLogShares
from chatrec.ensemble.logit import fit_weights
from chatrec.ensemble.weights import HoldoutFeatures, prior_of
from chatrec.models.base import Model
from chatrec.models.configs import Configs
from chatrec.models.ease import Config as EaseConfig
from chatrec.models.entry import Case
from chatrec.models.registry import fit_models
from chatrec.models.training_data import TrainingData
from chatrec.pipeline.context import Context
from chatrec.pipeline.offline import KEY, evaluate_split
from chatrec.pipeline.training_data import holdout_of, training_data
from chatrec.runs.run import Run


@dataclass(frozen=True)
class Ladder:
    """A run on a split, and its ensembles without each model."""

    context: Context

    @cached_property
    def ensemble(self) -> Ensemble:
        """Ensemble of the run."""
        return Ensemble.load(self.context.of("ensemble"))

    @cached_property
    def aigc(self) -> AigcModel:
        """AIGC of the run."""
        return AigcModel(AigcState.load(self.context.of("aigc")))

    @cached_property
    def is_cold(self) -> bool:
        """Whether all items that may be recommended are cold."""
        return not self.context.recommendable[self.context.snapshot.histories.items].any()

    @property
    def models(self) -> dict[str, Model]:
        """AIGC and the models of the ensemble, fitted on all events; or the models of cold items."""
        return dict(self.ensemble.cold.models) if self.is_cold else {AIGC: self.aigc, **self.ensemble.models}

    @property
    def weights(self) -> Mapping[str, float]:
        """Weights of the models that the run uses."""
        return self.ensemble.cold.weights if self.is_cold else self.ensemble.weights

    def rungs(self) -> dict[str, dict[str, float]]:
        """Returns the weights of each row: each model alone, and the ensemble fitted without each model."""
        alone = {f"{name} alone": {name: 1.0} for name in self.models}
        return alone | (self._without() if len(self.weights) > 1 else {})

    def _without(self) -> dict[str, dict[str, float]]:
        names, features = list(self.weights), self._holdout_features()
        relevant = np.flatnonzero(features.choices.chosen.any(1))  # users with no relevant candidate are skipped
        rungs = {}
        for name in names:
            others = [other for other in names if other != name]
            choices = features.choices.of(relevant, [features.names.index(other) for other in others])
            rungs[f"without {name}"] = dict(zip(others, fit_weights(choices, prior_of(others)).tolist(), strict=True))
        return rungs

    def _holdout_features(self) -> HoldoutFeatures:
        """Returns the features on which the run fitted its weights."""
        context, names = self.context, set(self.weights)
        held = holdout_of(context)
        rest = training_data(context, held.histories)
        if self.is_cold:
            hidden = hide_items(rest.histories, rest.items, rest.seed)
            return HoldoutFeatures.of(fit_models(self._case(replace(rest, histories=hidden.histories)), names), hidden)
        fitted: dict[str, Any] = dict(fit_models(self._case(rest), names - {AIGC}))
        if AIGC in names:
            fitted |= {AIGC: AigcModel(AigcState.load(context.of("aigc") / WITHOUT_HOLDOUT))}
        return HoldoutFeatures.of(fitted, held)

    def _case(self, data: TrainingData) -> Case:
        """Returns the case of the run's models, on other data."""
        penalty = json.loads((self.context.of("ensemble") / ENSEMBLE_FILE).read_text(encoding="utf-8"))["ease penalty"]
        ranking = self.context.settings.ranking
        configs = Configs(ease=EaseConfig(l2=penalty))
        return Case(data, ranking.target, configs=configs, exclude_seen=ranking.exclude_seen)

    def lists(self, batch: UserBatch, rungs: dict[str, dict[str, float]]) -> Iterator[Array]:
        """Yields the lists of a batch of users for each row, users × at most K, padded with -1."""
        log_shares = {name: ScoredLogShares.of(model, batch) for name, model in self.models.items()}
        for weights in rungs.values():
            candidates = retrieve([log_shares[name] for name in weights], batch, RETRIEVED)
            vector = np.array(list(weights.values()), np.float32)
            yield best_items(candidates.items, candidates.log_shares, vector, K)[0]


def write(context: Context, folder: Path) -> None:
    """Writes a file of lists per row into a folder, and prints the names of files and rows."""
    ladder, events = Ladder(context), Events.of(context.snapshot)
    rungs = ladder.rungs()
    names = {name: f"{number}.csv.gz" for number, name in enumerate(rungs)}
    with ExitStack() as stack:
        opened = [ListsFile(folder / file, events.user_ids, events.item_ids) for file in names.values()]
        files = [stack.enter_context(file) for file in opened]
        for batch in events.batches():
            for file, best in zip(files, ladder.lists(batch, rungs), strict=True):
                file.add(batch.users, best)
    for name, written in names.items():
        print(f"{written}\t{name}")


def main() -> None:
    """Fits the models, or writes the lists of the ladder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["fit", "lists"])
    parser.add_argument("--target", type=full_target, choices=get_args(Target), required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--split", type=Path)
    parser.add_argument("--items", type=Path)
    parser.add_argument("--users", type=Path)
    chosen = parser.parse_args()
    settings = load().override({"ranking.target": chosen.target})
    if chosen.action == "fit":
        evaluate_split(settings, chosen.split, chosen.items, chosen.users, chosen.out, K, chosen.folder)
    else:
        run = Run(chosen.folder, KEY)
        write(Context(run, settings, run.step_folder("rank")), chosen.out)


if __name__ == "__main__":
    main()
