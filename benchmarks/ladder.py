"""The ablation ladder: every model of chatrec's ensemble alone, and the ensemble without each of them.

    python -m benchmarks.ladder fit --split SPLIT --items items.csv.gz --target next --folder KEPT --out lists.csv.gz
    python -m benchmarks.ladder lists --target next --folder KEPT --out FOLDER

`fit` is what `chatrec evaluate --split` does, and keeps the files of its steps. `lists` writes a file of lists for each
row of the ladder and prints its name. Without a model the others are weighed anew on the same held-out events. Where
nothing but new items may be recommended, the models are those of new items, weighed on hidden ones.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import get_args

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
from chatrec.ensemble.ensemble import ENSEMBLE_FILE, NO_PENALTY, Ensemble
from chatrec.ensemble.log_shares import ScoredLogShares
from chatrec.ensemble.logit import fit_weights
from chatrec.ensemble.weights import HoldoutFeatures
from chatrec.models.base import Model
from chatrec.models.registry import fit_models
from chatrec.pipeline.context import Context
from chatrec.pipeline.offline import KEY, evaluate_split
from chatrec.pipeline.training_data import holdout_of, training_data
from chatrec.runs.run import Run


@dataclass(frozen=True)
class Ladder:
    """A run on a split, and what its ensemble would be without each model."""

    context: Context

    @cached_property
    def ensemble(self) -> Ensemble:
        """Of the run."""
        return Ensemble.load(self.context.of("ensemble"))

    @cached_property
    def aigc(self) -> AigcModel:
        """Of the run."""
        return AigcModel(AigcState.load(self.context.of("aigc")))

    @cached_property
    def is_cold(self) -> bool:
        """Whether all items that may be recommended are new."""
        return not self.context.recommendable[self.context.snapshot.histories.items].any()

    @property
    def models(self) -> dict[str, Model]:
        """AIGC, and those of the ensemble, fitted on everything; or those of new items."""
        return dict(self.ensemble.cold.models) if self.is_cold else {AIGC: self.aigc, **self.ensemble.models}

    @property
    def weights(self) -> Mapping[str, float]:
        """Of the models that the run uses."""
        return self.ensemble.cold.weights if self.is_cold else self.ensemble.weights

    def rungs(self) -> dict[str, dict[str, float]]:
        """The weights of each row: each model alone, and for each of the ensemble the others weighed anew."""
        alone = {f"{name} alone": {name: 1.0} for name in self.models}
        return alone | (self._without() if len(self.weights) > 1 else {})

    def _without(self) -> dict[str, dict[str, float]]:
        names, trial = list(self.weights), self._trial()
        taught = np.flatnonzero(trial.choices.chosen.any(1))  # who took nothing that was retrieved says nothing
        found = {}
        for name in names:
            others = [other for other in names if other != name]
            choices = trial.choices.of(taught, [trial.names.index(other) for other in others])
            found[f"without {name}"] = dict(zip(others, fit_weights(choices).tolist(), strict=True))
        return found

    def _trial(self) -> HoldoutFeatures:
        """What the run weighed the models on."""
        context, names = self.context, set(self.weights)
        target, held = context.settings.ranking.target, holdout_of(context)
        rest = training_data(context, held.histories)
        if self.is_cold:
            hidden = hide_items(rest.histories, rest.items, rest.seed)
            return HoldoutFeatures.of(
                fit_models(replace(rest, histories=hidden.histories), target, NO_PENALTY, names), hidden
            )
        penalty = json.loads((context.of("ensemble") / ENSEMBLE_FILE).read_text(encoding="utf-8"))["ease penalty"]
        fitted = fit_models(rest, target, penalty, names - {AIGC})
        aigc = AigcModel(AigcState.load(context.of("aigc") / WITHOUT_HOLDOUT))
        return HoldoutFeatures.of({**({AIGC: aigc} if AIGC in names else {}), **fitted}, held)

    def lists(self, batch: UserBatch, rungs: dict[str, dict[str, float]]) -> Iterator[Array]:
        """The lists of a batch of users for each row: users × at most K, padded with -1."""
        log_shares = {name: ScoredLogShares.of(model, batch) for name, model in self.models.items()}
        for weights in rungs.values():
            found = retrieve([log_shares[name] for name in weights], batch, RETRIEVED)
            vector = np.array(list(weights.values()), np.float32)
            yield best_items(found.items, found.log_shares, vector, K)[0]


def write(context: Context, folder: Path) -> None:
    """Writes a file of lists for each row into a folder, and prints its name and the row's."""
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
    """Fits, or writes the lists of the ladder."""
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
