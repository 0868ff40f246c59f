"""Where new items stand in a list: as high as they are likely, within what the settings guarantee and allow."""

import numpy as np

from chatrec.data.arrays import Array

GUARANTEED, USUAL, LAST_RESORT = range(3)


def tiers(known: int, new: int, least: int, most: int) -> Array:
    """Which candidates are taken before others, whatever their scores; see `chatrec.ranking.rules.rules.Rules.columns`.

    Args:
        known: how many candidates with events there are.
        new: how many without, which stand behind them, the best first.
        least: places that new items get, as far as there are any.
        most: places that they get at most, unless nothing else is left.
    """
    rank = np.arange(new)
    of_new = np.select([rank < least, rank < most], [GUARANTEED, USUAL], LAST_RESORT)
    return np.concatenate([np.full(known, USUAL), of_new])
