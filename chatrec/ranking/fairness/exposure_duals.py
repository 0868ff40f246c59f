"""Dual prices of exposure: one price per provider, added to the log scores of its items.

The lists of all users with the largest value, Σ discount · log P, under the constraint that every provider has at least
its share of exposure are a linear program. Its dual has one price μ_p ≥ 0 per provider, and given the prices the best
list of every user is ordered by log P + μ. The dual is minimised by the sign of its subgradient, the shortfall of
exposure, with a step size per price (Riedmiller and Braun 1993, RPROP). Prices as duals: Xu et al. 2023 (P-MMF),
Naghiaei et al. 2022 (CPFair).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.evaluation.metrics import discounts
from chatrec.ranking.fairness.providers import Providers, share_of

ROUNDS = 80
FIRST_STEP, LARGEST_STEP = 0.1, 0.5
FASTER, SLOWER = 1.2, 0.5
HIGHEST = 10.0
"""Maximum price: a factor of 22,000 on a probability. A provider that needs more has no relevant items."""
CLOSE = 0.004
"""Relative tolerance of the owed exposure within which a price is not changed."""


@dataclass(frozen=True)
class Sample:
    """Candidates of a sample of users, to find prices."""

    items: IntArray
    """Items, users × candidates, padded with -1."""
    scores: FloatArray
    """log P, of the same shape; -inf for padding."""
    first: Callable[[Array], Array]
    """Maps scores of the candidates to the columns of the lists, users × slots, padded with -1."""

    def exposed(self, providers: Providers, bonus: FloatArray) -> tuple[Array, float]:
        """Returns the exposure of each provider, and the value of the lists.

        Args:
            providers: Providers of the items.
            bonus: Addition to the log score of each item.
        """
        columns = self.first(self.scores + np.append(bonus, 0)[self.items])
        rows = np.arange(len(columns))[:, None]
        items = np.where(columns >= 0, self.items[rows, columns], -1)
        weights = np.broadcast_to(discounts(items.shape[1]), items.shape)
        worth = np.where(items >= 0, self.scores[rows, columns], 0)
        return providers.mass(items, weights), float((worth * weights)[np.isfinite(worth)].sum())

    def merit(self, providers: Providers) -> Array:
        """Returns each provider's share of relevance: the sum of P over users, where P sums to 1 per user."""
        chances = np.exp(self.scores - self.scores.max(1, keepdims=True, initial=-1e9))
        chances /= np.maximum(chances.sum(1, keepdims=True), 1e-9)
        return share_of(providers.mass(self.items, chances))


def find_prices(sample: Sample, providers: Providers, owed: FloatArray, highest: float = HIGHEST) -> Array:
    """Finds prices under which every provider has at least its share of exposure, if possible.

    Args:
        sample: Candidates of a sample of users.
        providers: Providers of the items.
        owed: Minimum share of all exposure of each provider.
        highest: Maximum price. A low one turns the constraint into a penalty: a shortfall costs no more than this.
    """
    prices, steps = np.zeros(len(owed)), np.full(len(owed), FIRST_STEP)
    before, best, best_prices = np.zeros(len(owed)), (np.inf, np.inf), prices
    for _ in range(ROUNDS):
        exposure, worth = sample.exposed(providers, providers.shares @ prices)
        lack = np.where(owed > 0, 1 - share_of(exposure) / np.maximum(owed, 1e-12), 0)
        reached = max(float(lack[prices < highest].max(initial=0)), CLOSE), -worth
        if reached < best:
            best, best_prices = reached, prices
        way = np.where(np.abs(lack) < CLOSE, 0, np.sign(lack))
        way[(prices <= 0) & (way < 0)] = 0
        if not way.any():
            break
        steps = np.clip(np.where(way * before > 0, steps * FASTER, np.where(way * before < 0, steps * SLOWER, steps)),
                        1e-4, LARGEST_STEP)  # fmt: skip
        prices, before = np.clip(prices + way * steps, 0, highest), way
    return best_prices
