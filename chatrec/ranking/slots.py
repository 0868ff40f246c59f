"""Slots of new items: ordered by probability, within the minimum and maximum share of the settings."""

import numpy as np

from chatrec.data.arrays import Array

GUARANTEED, USUAL, LAST_RESORT = range(3)


def tiers(warm: int, new: int, least: int, most: int) -> Array:
    """Returns the tier of each candidate. Lower tiers are chosen first; see `chatrec.ranking.rules.rules.Rules`.

    Args:
        warm: Number of candidates with events.
        new: Number of new candidates, which follow them, the best first.
        least: Minimum number of slots for new items, as far as there are any.
        most: Maximum number of slots for new items, unless no other item is left.
    """
    rank = np.arange(new)
    of_new = np.select([rank < least, rank < most], [GUARANTEED, USUAL], LAST_RESORT)
    return np.concatenate([np.full(warm, USUAL), of_new])
