"""AIGC as a channel: learned on what is not held out, it scores every history."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatrec.aigc import mean, sequence
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.plan import RATES, plan
from chatrec.aigc.state import AigcState, group_vectors, learn_profiles
from chatrec.block import Block
from chatrec.holdout import HoldOut
from chatrec.run import Counts
from chatrec.settings import Settings
from chatrec.source.snapshot import Array, Snapshot

NAME = "aigc"


@dataclass(frozen=True)
class AigcChannel:
    """Scores by inner products of user and item vectors."""

    state: AigcState

    logits = True

    def scores(self, block: Block) -> Array:
        """log P(i|u)."""
        return self.state.logits(self.users(block))

    def users(self, block: Block) -> Array:
        """u: users × width."""
        return self.state.users(block.histories.latest(block.users, self.state.encoder.length))

    def added(self, latest: Array, items: Array) -> Array | None:
        """See Channel."""
        return self.state.encoder.added(self.state.items, latest, items)


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
    snapshot: Snapshot, holdout: HoldOut, texts: Texts, groups: ItemGroups, settings: Settings, folder: Path
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
        Passes, groups of the output layer, and NDCG@10 on held-out events.
    """
    seed, chosen = settings.compute.seed, settings.aigc
    if chosen.users == "mean":
        fitted = mean.fit(holdout, texts.items, chosen, seed)
    else:
        wanted = plan(holdout.histories, len(texts.items), chosen)
        rates = settings.artifacts.root / RATES
        fitted = sequence.fit(holdout.histories, len(texts.items), wanted, seed, chosen.minutes, rates)
    of_groups = group_vectors(fitted.items, groups)
    nothing = np.zeros((texts.profiles.shape[1] + 1, fitted.items.shape[1]), np.float32)
    state = AigcState(fitted.items, fitted.bias, of_groups, nothing, fitted.encoder, fitted.output)
    of_profiles = state.users(snapshot.histories.latest(texts.profile_users, fitted.encoder.length))
    state.with_profile(learn_profiles(texts.profiles, of_profiles)).save(folder)
    counts: Counts = {
        "passes": round(fitted.passes, 2),
        "output groups": len(fitted.output.vectors) if fitted.output else 0,
    }
    if len(holdout):
        counts["aigc NDCG@10"] = round(float(holdout.ndcg(AigcChannel(state).scores).mean()), 6)
    return counts
