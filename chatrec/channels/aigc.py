"""The AIGC channel: learned on a snapshot, measured on held-out events beside popularity."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatrec.aigc.fit import Fitted, fit, user_vectors
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState, group_vectors, learn_profiles
from chatrec.channels.popularity import popularity
from chatrec.holdout import HoldOut, hold_out_last
from chatrec.metrics import paired_difference
from chatrec.run import Counts, write_atomically
from chatrec.settings import Settings
from chatrec.source.snapshot import Array, Snapshot

METRICS = "metrics.json"


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
    snapshot: Snapshot, recommendable: Array, texts: Texts, groups: ItemGroups, settings: Settings, folder: Path
) -> Counts:
    """Writes the state of the channel and METRICS.

    Args:
        snapshot: of tonight.
        recommendable: bool for each item.
        texts: vectors of tonight's encoder.
        groups: of the items.
        settings: of the fit.
        folder: of the step.

    Returns:
        Passes, held-out events, and NDCG@10 on them of this channel and of popularity.
    """
    seed = settings.compute.seed
    held_out = hold_out_last(snapshot.histories, recommendable, settings.ranking.exclude_seen, seed)
    fitted = fit(held_out, texts.items, settings.aigc, seed)
    of_profiles = user_vectors(fitted.items, snapshot.histories.latest(texts.profile_users, settings.aigc.history))
    AigcState(
        fitted.items,
        np.zeros_like(fitted.items) if fitted.given is None else fitted.given,
        group_vectors(fitted.items, groups),
        learn_profiles(texts.profiles, of_profiles),
    ).save(folder)
    measured = _measure(held_out, fitted, seed)
    write_atomically(folder / METRICS, json.dumps(measured))
    ndcg = {f"{name} NDCG@10": values["ndcg@10"] for name, values in measured["channels"].items()}
    return {"passes": fitted.epochs, "held out": len(held_out), **ndcg}


def _measure(held_out: HoldOut, fitted: Fitted, seed: int) -> Counts:
    """Metrics by channel, and how much better this channel is than popularity, with the bounds of its interval."""
    if not len(held_out):
        return {"channels": {}, "better than popularity": None}
    visible, histories = held_out.visible, held_out.histories
    counts = popularity(histories.items[visible], histories.weights[visible], len(held_out.recommendable))
    popular = held_out.ndcg(lambda _: counts[None, :])
    found = {"aigc": fitted.held_out, "popular": popular}
    return {
        "channels": {name: {"ndcg@10": round(float(values.mean()), 6)} for name, values in found.items()},
        "better than popularity": paired_difference(fitted.held_out, popular, seed),
    }
