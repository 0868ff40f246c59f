"""The best candidates of a block of users, with how likely each is and which channel says so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chatrec.blend.candidates import GATHERED, Candidates, best_places, gather
from chatrec.blend.evidence import Evidence
from chatrec.block import Block
from chatrec.ranking.places import shared_places
from chatrec.source.snapshot import Array


@dataclass(frozen=True)
class Rated:
    """users × places, the best first."""

    items: Array
    """Rows of items, padded with -1."""
    scores: Array
    """log P over everything that was gathered, -inf for padding."""
    shares: Array
    """users × places × channels: what part of the score each gives."""


def rate(evidence: Sequence[Evidence], weights: Array, block: Block, n: int) -> Rated:
    """Lets channels gather, and keeps the n best.

    Args:
        evidence: of the channels.
        weights: of the same, float32.
        block: of users.
        n: places.
    """
    found = gather(evidence, block, max(GATHERED, n))
    places, scores = best_places(found.items, found.log_shares, weights, n)
    items = np.take_along_axis(found.items, places, 1)
    return Rated(items, np.take_along_axis(_log_softmax(scores), places, 1), _shares(found, places, weights))


def with_new(known: Rated, new: Rated, share: float, n: int, least: int, most: int) -> Rated:
    """Lists of known and new items together.

    Args:
        known: of items with events.
        new: of items without, with the same channels.
        share: the chance that an event is of a new item.
        n: places of a list.
        least: places that new items get, as far as there are any.
        most: places that they get at most, unless nothing else is left.
    """
    scores = np.hstack([known.scores + np.log1p(-share), new.scores + np.log(share)])
    width = known.scores.shape[1]
    places = shared_places(scores[:, :width], scores[:, width:], n, least, most)
    return Rated(
        np.take_along_axis(np.hstack([known.items, new.items]), places, 1),
        np.take_along_axis(scores, places, 1),
        np.take_along_axis(np.concatenate([known.shares, new.shares], 1), places[:, :, None], 1),
    )


def _log_softmax(scores: Array) -> Array:
    largest = np.maximum(scores.max(1, keepdims=True), np.finfo(np.float32).min)
    total = np.maximum(np.exp(scores - largest).sum(1, keepdims=True), np.finfo(np.float32).tiny)
    found: Array = scores - largest - np.log(total)
    return found


def _shares(found: Candidates, places: Array, weights: Array) -> Array:
    """What part of a row's score each channel gives: w (l - floor) over its sum, users × places × channels."""
    l = np.take_along_axis(found.log_shares, places[:, :, None], 1)  # noqa: E741
    parts = np.maximum(l - found.floors[:, None, :], 0) * weights
    total = parts.sum(2, keepdims=True)
    shares: Array = np.where(total > 0, parts / np.where(total > 0, total, 1), 0).astype(np.float32)
    return shares
