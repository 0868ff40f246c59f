"""AIGC as a model of the ensemble, fitted without the held-out events."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatrec.aigc import mean, sequence
from chatrec.aigc.autoconfig import RATES, plan
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState, Fitted, group_vectors, learn_profiles
from chatrec.aigc.users import SequenceUsers
from chatrec.config import Settings
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation.holdout import Holdout
from chatrec.models.base import VectorModel
from chatrec.runs.files import write_atomically
from chatrec.runs.results import AigcResult

NAME = "aigc"
WITHOUT_HOLDOUT = "without_holdout"
"""Folder of the state fitted without the held-out events, on which the ensemble weights are fitted. It exists if
anything was trained."""
CURVE, POINTS_OF_A_CURVE = "learning.json", 60


@dataclass(frozen=True)
class AigcModel(VectorModel):
    """Scores by inner products of user and item vectors."""

    state: AigcState

    log_probabilities = True

    def score(self, batch: UserBatch) -> Array:
        """Returns log P(i|u), users × items."""
        return self.state.logits(self.users(batch))

    @property
    def keys(self) -> Array:
        """Item vectors; implements `VectorModel.keys`."""
        return self.state.keys

    def queries(self, batch: UserBatch) -> Array:
        """Implements `VectorModel.queries`; the first columns are u."""
        return self.state.queries(self.users(batch))

    def users(self, batch: UserBatch) -> Array:
        """Returns user vectors u, users × width."""
        return self.state.users(batch.histories.latest(batch.users, self.state.encoder.length))

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array | None:
        """Implements `Model.contributions`."""
        return self.state.encoder.contributions(self.state.items, latest, items)


@dataclass(frozen=True)
class Texts:
    """Text vectors, all of unit length."""

    items: Array
    """Item vectors, items × dimensions."""
    profiles: Array
    """Vectors of profiles without histories, users × dimensions, for a sample of users with a history."""
    profile_users: Array
    """Rows of these users."""


def fit(
    histories: Interactions, holdout: Holdout, texts: Texts, groups: ItemGroups, settings: Settings, folder: Path
) -> AigcResult:
    """Fits AIGC and writes its state.

    Args:
        histories: All interactions.
        holdout: Holdout of them.
        texts: Text vectors of the run's encoder.
        groups: Groups of the items.
        settings: Settings of the fit.
        folder: Folder of the step.

    Returns:
        The result of the step.
    """
    seed, chosen = settings.compute.seed, settings.aigc_config
    if chosen.users == "mean":
        without_holdout = fitted = mean.fit(holdout, texts.items, chosen, seed)
    else:
        wanted = plan(holdout.histories, len(texts.items), chosen, settings.ranking.target)
        rates = settings.artifacts.root / RATES
        minutes = chosen.minutes if len(histories.items) >= chosen.min_events else 0.0
        without_holdout, fitted = sequence.fit(
            holdout.histories, histories, len(texts.items), wanted, seed, minutes, rates
        )
    _save_curve(fitted.losses, folder)
    before = _state(without_holdout, texts, groups)
    if fitted.read:
        before.save(folder / WITHOUT_HOLDOUT)
    state = _state(fitted, texts, groups)
    of_profiles = state.users(histories.latest(texts.profile_users, fitted.encoder.length))
    state.with_profile(learn_profiles(texts.profiles, of_profiles)).save(folder)
    positions = int(np.maximum(histories.lengths - 1, 0).sum())
    return AigcResult(
        networks=len(fitted.encoder.networks) if isinstance(fitted.encoder, SequenceUsers) else 0,
        epochs=round(fitted.read / max(positions, 1), 2),
        output_groups=len(fitted.output.vectors) if fitted.output else 0,
        ndcg=round(float(holdout.ndcg(AigcModel(before).score).mean()), 6) if len(holdout) else None,
    )


def _state(fitted: Fitted, texts: Texts, groups: ItemGroups) -> AigcState:
    """Returns the state with the vectors of the run's groups, without a map for profiles."""
    nothing = np.zeros((texts.profiles.shape[1] + 1, fitted.items.shape[1]), np.float32)
    of_groups = group_vectors(fitted.items, groups)
    return AigcState(fitted.items, fitted.bias, of_groups, nothing, fitted.encoder, fitted.output)


def _save_curve(losses: Sequence[tuple[int, float]], folder: Path) -> None:
    """Writes the learning curve as mean losses at up to POINTS_OF_A_CURVE points; nothing without losses."""
    if not losses:
        return
    parts = np.array_split(np.asarray(losses), min(POINTS_OF_A_CURVE, len(losses)))
    curve = {
        "events": [int(part[-1, 0]) for part in parts],
        "loss": [round(float(part[:, 1].mean()), 4) for part in parts],
    }
    write_atomically(folder / CURVE, json.dumps(curve))
