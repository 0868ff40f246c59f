"""What a step may use: the run, the settings, the files of the steps before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from chatrec.config import Settings
from chatrec.runs.run import Counts, Run

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chatrec.config.rules import Rules as RulesSettings
    from chatrec.data.arrays import Array
    from chatrec.data.interactions import Interactions
    from chatrec.evaluation.holdout import Holdout
    from chatrec.extract.snapshot import Snapshot
    from chatrec.models.training_data import TrainingData
    from chatrec.ranking.rules.rules import Rules


@dataclass(frozen=True)
class Context:
    """Of one step of one run."""

    run: Run
    settings: Settings
    folder: Path
    """The step's own, empty when it begins."""
    database: Engine | None = None
    """Of chatrec's tables; None where there is none, as in `chatrec evaluate --split`."""
    number: int = 0
    """Of the run in the database."""
    counts: Mapping[str, Counts] | None = None
    """What the steps before counted."""

    def of(self, step: str) -> Path:
        """The folder of a step before this one."""
        return self.run.step_folder(step)

    @cached_property
    def snapshot(self) -> Snapshot:
        """Of the extract step."""
        from chatrec.extract.snapshot import Snapshot

        return Snapshot(self.of("extract"))

    @cached_property
    def holdout(self) -> Holdout:
        """What no fit may see before the blend is weighed."""
        from chatrec.evaluation.holdout import hold_out

        ranking = self.settings.ranking
        return hold_out(
            self.snapshot.histories,
            self.recommendable,
            ranking.exclude_seen,
            ranking.target,
            self.settings.compute.seed,
        )

    @cached_property
    def recommendable(self) -> Array:
        """bool for each item: whether it is available. What is learned and measured knows no rules."""
        available: Array = self.snapshot.items["available"].to_numpy()
        return available

    @cached_property
    def rules(self) -> Rules:
        """Of the settings, on tonight's items."""
        return self.rules_of(self.settings.rules)

    @cached_property
    def listable(self) -> Array:
        """bool for each item: whether it is available and the rules allow it."""
        return self.rules.allowed_of(self.recommendable)

    def rules_of(self, rules: RulesSettings) -> Rules:
        """Other rules on tonight's items."""
        from chatrec.ranking.rules.rules import Clock, Rules

        snapshot = self.snapshot
        newest = 0 if self.settings.privacy.enabled else snapshot.newest  # what is newest is somebody's
        return Rules.of(rules, snapshot.items, Clock(snapshot.taken_at, newest))

    def known(self, histories: Interactions) -> TrainingData:
        """What channels may be fitted on.

        Args:
            histories: all, or what is left of them.
        """
        import numpy as np

        from chatrec.encoder.embed import ITEMS
        from chatrec.features.catalogue import features_of
        from chatrec.models.training_data import TrainingData

        items, vectors = self.snapshot.items, np.load(self.of("embed") / ITEMS)
        return TrainingData(histories, items.height, vectors, self.settings.compute.seed, features_of(items))
