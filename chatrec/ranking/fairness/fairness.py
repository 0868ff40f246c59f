"""Fair lists of a night: its providers, what they are owed, the prices that give it to them."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from chatrec.config.duties import Fairness as Settings
from chatrec.data.arrays import Array, top_k
from chatrec.ensemble.holdout_candidates import HoldoutCandidates
from chatrec.ranking.fairness.exposure_duals import HIGHEST, Sample, find_prices
from chatrec.ranking.fairness.providers import Providers, share_of
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.recommender import Recommender
from chatrec.ranking.slots import tiers
from chatrec.runtime.progress import progress

USERS_AT_MOST = 100_000
"""Users for whom prices are found; of more, some drawn ones."""
CANDIDATES = 100
USERS_OF_A_BLOCK = 8192


@dataclass(frozen=True)
class Fairness:
    """Prices, and what they are for."""

    providers: Providers
    target: Array
    """Of each provider: its share of merit, or of the catalogue."""
    owed: Array
    """The least share of all exposure."""
    before: Array
    """The share that it has at no price."""
    prices: Array

    @property
    def bonus(self) -> Array:
        """What is added to the log score of each item."""
        bonus: Array = (self.providers.shares @ self.prices).astype(np.float32)
        return bonus

    def applied(self, ranker: Recommender) -> Recommender:
        """The ranker under these prices."""
        rules = ranker.rules
        factors = self.bonus if rules.log_factors is None else rules.log_factors + self.bonus
        return ranker.under(replace(rules, log_factors=factors), ranker.recommendable) if self.prices.any() else ranker

    def ndcg(self, held: HoldoutCandidates) -> tuple[Array, Array]:
        """NDCG@10 of held-out users without prices and under them."""
        return held.ndcg(held.scores), held.ndcg(held.scores + np.append(self.bonus, 0)[held.items])


def weigh(ranker: Recommender, items: pl.DataFrame, profiles: Array, settings: Settings, memory_mb: int) -> Fairness:
    """Finds out what providers are owed, and at what price they get it.

    Args:
        ranker: of tonight's lists, without prices.
        items: the catalogue.
        profiles: users × dimensions, see ListBuilder.
        settings: of fairness; with mode off all prices are 0.
        memory_mb: bounds a block.
    """
    providers = Providers.of(items, settings.attribute)
    sample = gather(ranker, profiles, memory_mb)
    if settings.target == "merit":
        target = sample.merit(providers)
    else:
        target = share_of(np.asarray(providers.shares[ranker.recommendable].sum(0)).ravel())
    owed, nothing = settings.share * target, np.zeros(len(target))
    before = share_of(sample.exposed(providers, providers.shares @ nothing)[0])
    highest = {"off": 0.0, "penalty": settings.strength, "constraint": HIGHEST}[settings.mode]
    prices = find_prices(sample, providers, owed, highest) if highest else nothing
    return Fairness(providers, target, owed, before, prices)


def gather(ranker: Recommender, profiles: Array, memory_mb: int, candidates: int = CANDIDATES) -> Sample:
    """So many candidates of all users, or of some if there are many."""
    random, everybody = np.random.default_rng(ranker.seed), ranker.histories.users
    users = np.arange(everybody)
    if everybody > USERS_AT_MOST:
        users = np.sort(random.choice(everybody, USERS_AT_MOST, replace=False))
    wide = ranker.under(
        replace(ranker.rules, caps=(), pins=()),
        ranker.recommendable,
        top_n=min(max(candidates, 2 * ranker.top_n), int(ranker.recommendable.sum())),
        variety=None,
    )
    lister, width = ListBuilder(wide, profiles, memory_mb << 20), wide.top_n
    items = np.full((len(users), width), -1, np.int32)
    scores = np.full((len(users), width), -np.inf, np.float32)
    with progress("Weighing exposure", len(users), "users") as shown:
        for start in range(0, len(users), USERS_OF_A_BLOCK):
            block = users[start : start + USERS_OF_A_BLOCK]
            for part in lister.lists(block):
                rows = start + np.searchsorted(block, part.users)
                places = part.items.shape[1]
                items[rows, :places] = part.items
                with np.errstate(divide="ignore"):
                    scores[rows, :places] = np.where(part.items >= 0, np.log(part.scores), -np.inf)
            shown.advance(len(block))
    return Sample(items, scores, _Filling(ranker, items))


@dataclass(frozen=True)
class _Filling:
    """How the ranker fills lists from candidates."""

    ranker: Recommender
    items: Array

    def __call__(self, scores: Array) -> Array:
        ranker, n = self.ranker, self.ranker.top_n
        new = (self.items >= 0) & ranker.new[self.items]
        if not new.any() and not ranker.rules.shape_lists:
            columns = top_k(scores, n)
            return np.where(np.isfinite(np.take_along_axis(scores, columns, 1)), columns, -1)
        least, most = ranker.places_of_new
        order = np.argsort(np.where(new, -scores, np.inf), axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], 1)
        of_known, of_new = tiers(1, order.shape[1], least, most)[0], tiers(0, order.shape[1], least, most)
        return ranker.rules.columns(self.items, scores, n, np.where(new, of_new[rank], of_known))
