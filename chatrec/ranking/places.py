"""Where new items stand in a list: as high as they are likely, within what the settings guarantee and allow."""

import numpy as np

from chatrec.source.snapshot import Array

GUARANTEED, USUAL, LAST_RESORT = range(3)


def shared_places(known: Array, new: Array, n: int, least: int, most: int) -> Array:
    """Which candidates make the lists, and in which order.

    Args:
        known: log P of candidates with events: users × candidates, the best first, -inf for padding.
        new: the same of candidates without events.
        n: places of a list.
        least: places that new items get, as far as there are any.
        most: places that they get at most, unless nothing else is left.

    Returns:
        users × at most n: columns of both side by side, the best first. What stands there with -inf is padding.
    """
    scores = np.hstack([known, new])
    rank = np.arange(new.shape[1])
    of_new = np.select([rank < least, rank < most], [GUARANTEED, USUAL], LAST_RESORT)
    tiers = np.broadcast_to(np.concatenate([np.full(known.shape[1], USUAL), of_new]), scores.shape)
    tiers = np.where(np.isfinite(scores), tiers, LAST_RESORT + 1)
    chosen = np.lexsort((-scores, tiers), axis=1)[:, :n]
    order = np.argsort(-np.take_along_axis(scores, chosen, 1), axis=1, kind="stable")
    return np.take_along_axis(chosen, order, 1)
