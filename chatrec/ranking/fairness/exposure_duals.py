"""One price for each provider, added to the log scores of its items, so that each gets the exposure that it is owed.

Lists of all users that are worth most, Σ discount · log P, under "every provider has at least its share of exposure"
are a linear program; its dual has one price μ_p ≥ 0 for each provider, and given the prices every user's best list is
the one ordered by log P + μ. The dual is descended by the sign of its subgradient, which is the shortfall of exposure,
with a step of its own for each price (Riedmiller and Braun 1993, RPROP). Prices as duals: Xu et al. 2023 (P-MMF),
Naghiaei et al. 2022 (CPFair).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array
from chatrec.evaluation.metrics import discounts
from chatrec.ranking.fairness.providers import Providers, share_of

ROUNDS = 80
FIRST_STEP, LARGEST_STEP = 0.1, 0.5
FASTER, SLOWER = 1.2, 0.5
HIGHEST = 10.0
"""A price that multiplies a chance by 22,000: whoever needs more has nothing that anybody might want."""
CLOSE = 0.004
"""Of what is owed: nearer than this a price is left alone."""


@dataclass(frozen=True)
class Sample:
    """Candidates of many users, for whom prices are found."""

    items: Array
    """users × candidates, padded with -1."""
    scores: Array
    """The same, log P; -inf for padding."""
    first: Callable[[Array], Array]
    """From scores of the candidates to the columns of the lists, users × places, padded with -1."""

    def exposed(self, providers: Providers, bonus: Array) -> tuple[Array, float]:
        """The exposure of each provider, and what the lists are worth.

        Args:
            providers: of the items.
            bonus: of each item, added to log scores.
        """
        columns = self.first(self.scores + np.append(bonus, 0)[self.items])
        rows = np.arange(len(columns))[:, None]
        items = np.where(columns >= 0, self.items[rows, columns], -1)
        weights = np.broadcast_to(discounts(items.shape[1]), items.shape)
        worth = np.where(items >= 0, self.scores[rows, columns], 0)
        return providers.mass(items, weights), float((worth * weights)[np.isfinite(worth)].sum())

    def merit(self, providers: Providers) -> Array:
        """Each provider's share of relevance: Σ over users of P, which is 1 for every user."""
        chances = np.exp(self.scores - self.scores.max(1, keepdims=True, initial=-1e9))
        chances /= np.maximum(chances.sum(1, keepdims=True), 1e-9)
        return share_of(providers.mass(self.items, chances))


def find_prices(sample: Sample, providers: Providers, owed: Array, highest: float = HIGHEST) -> Array:
    """Prices under which every provider has at least its share of exposure, as far as that can be.

    Args:
        sample: candidates of users.
        providers: of the items.
        owed: of each provider, the least share of all exposure.
        highest: price; a low one makes a penalty of the constraint: a shortfall then costs no more than this.
    """
    prices, steps = np.zeros(len(owed)), np.full(len(owed), FIRST_STEP)
    before, best, found = np.zeros(len(owed)), (np.inf, np.inf), prices
    for _ in range(ROUNDS):
        exposure, worth = sample.exposed(providers, providers.shares @ prices)
        lack = np.where(owed > 0, 1 - share_of(exposure) / np.maximum(owed, 1e-12), 0)
        reached = max(float(lack[prices < highest].max(initial=0)), CLOSE), -worth
        if reached < best:
            best, found = reached, prices
        way = np.where(np.abs(lack) < CLOSE, 0, np.sign(lack))
        way[(prices <= 0) & (way < 0)] = 0
        if not way.any():
            break
        steps = np.clip(np.where(way * before > 0, steps * FASTER, np.where(way * before < 0, steps * SLOWER, steps)),
                        1e-4, LARGEST_STEP)  # fmt: skip
        prices, before = np.clip(prices + way * steps, 0, highest), way
    return found
