"""AIGC as a channel: learned on what is not held out, it scores every history."""

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
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation.holdout import Holdout
from chatrec.extract.snapshot import Snapshot
from chatrec.models.base import VectorModel
from chatrec.runs.run import Counts, write_atomically

NAME = "aigc"
WEIGHED = "weighed"
"""The folder of what was learned without the held-out events: the blend weighs the channel by it."""
CURVE, POINTS_OF_A_CURVE = "learning.json", 60


@dataclass(frozen=True)
class AigcModel(VectorModel):
    """Scores by inner products of user and item vectors."""

    state: AigcState

    log_probabilities = True

    def score(self, batch: UserBatch) -> Array:
        """log P(i|u)."""
        return self.state.logits(self.users(batch))

    @property
    def keys(self) -> Array:
        """See VectorModel."""
        return self.state.keys

    def queries(self, batch: UserBatch) -> Array:
        """See VectorModel; the first of their columns are u."""
        return self.state.queries(self.users(batch))

    def users(self, batch: UserBatch) -> Array:
        """u: users × width."""
        return self.state.users(batch.histories.latest(batch.users, self.state.encoder.length))

    def contributions(self, latest: Array, items: Array) -> Array | None:
        """See Model."""
        return self.state.encoder.contributions(self.state.items, latest, items)


@dataclass(frozen=True)
class Texts:
    """Text vectors, all of unit length."""

    items: Array
    """items × dimensions."""
    profiles: Array
    """users × dimensions: of some users with a history, their profile alone."""
    profile_users: Array
    """Which users."""


def learn(
    snapshot: Snapshot, holdout: Holdout, texts: Texts, groups: ItemGroups, settings: Settings, folder: Path
) -> Counts:
    """Writes the state of the channel.

    Args:
        snapshot: of tonight.
        holdout: taken out of its histories.
        texts: vectors of tonight's encoder.
        groups: of the items.
        settings: of the fit.
        folder: of the step.

    Returns:
        Nets, passes of each, groups of the output layer, and NDCG@10 on held-out events.
    """
    seed, chosen = settings.compute.seed, settings.aigc
    if chosen.users == "mean":
        weighed = fitted = mean.fit(holdout, texts.items, chosen, seed)
    else:
        wanted = plan(holdout.histories, len(texts.items), chosen, settings.ranking.target)
        rates = settings.artifacts.root / RATES
        weighed, fitted = sequence.fit(
            holdout.histories, snapshot.histories, len(texts.items), wanted, seed, chosen.minutes, rates
        )
    _save_curve(fitted.losses, folder)
    before = _state(weighed, texts, groups)
    before.save(folder / WEIGHED)
    state = _state(fitted, texts, groups)
    of_profiles = state.users(snapshot.histories.latest(texts.profile_users, fitted.encoder.length))
    state.with_profile(learn_profiles(texts.profiles, of_profiles)).save(folder)
    positions = int(np.maximum(snapshot.histories.lengths - 1, 0).sum())
    counts: Counts = {
        "nets": len(fitted.encoder.nets) if isinstance(fitted.encoder, SequenceUsers) else 0,
        "passes": round(fitted.read / max(positions, 1), 2),
        "output groups": len(fitted.output.vectors) if fitted.output else 0,
    }
    if len(holdout):
        counts["aigc NDCG@10"] = round(float(holdout.ndcg(AigcModel(before).score).mean()), 6)
    return counts


def _state(fitted: Fitted, texts: Texts, groups: ItemGroups) -> AigcState:
    """With the vectors of tonight's groups, and nothing known of profiles yet."""
    nothing = np.zeros((texts.profiles.shape[1] + 1, fitted.items.shape[1]), np.float32)
    of_groups = group_vectors(fitted.items, groups)
    return AigcState(fitted.items, fitted.bias, of_groups, nothing, fitted.encoder, fitted.output)


def _save_curve(losses: Sequence[tuple[int, float]], folder: Path) -> None:
    """Writes the learning curve: the mean loss between at most POINTS_OF_A_CURVE moments; nothing without any."""
    if not losses:
        return
    parts = np.array_split(np.asarray(losses), min(POINTS_OF_A_CURVE, len(losses)))
    curve = {
        "events": [int(part[-1, 0]) for part in parts],
        "loss": [round(float(part[:, 1].mean()), 4) for part in parts],
    }
    write_atomically(folder / CURVE, json.dumps(curve))
