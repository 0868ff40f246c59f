"""Provider fairness of a run: providers, their owed exposure, and the prices that achieve it."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from chatrec.config.fairness import Fairness as Settings
from chatrec.data.arrays import Array, FloatArray, IntArray, top_k
from chatrec.ensemble.holdout_candidates import HoldoutCandidates
from chatrec.ranking.fairness.exposure_duals import HIGHEST, Sample, find_prices
from chatrec.ranking.fairness.providers import Providers, share_of
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.recommender import Recommender
from chatrec.ranking.slots import tiers
from chatrec.runtime.progress import progress

USERS_AT_MOST = 100_000
"""Maximum number of users for whom prices are found; beyond it they are sampled."""
CANDIDATES = 100
USERS_OF_A_BLOCK = 8192


@dataclass(frozen=True)
class Fairness:
    """Prices of providers, and their exposure."""

    providers: Providers
    target: FloatArray
    """Target share of each provider, by merit or by catalogue."""
    owed: FloatArray
    """Minimum share of all exposure of each provider."""
    before: FloatArray
    """Share of exposure without prices."""
    prices: FloatArray

    @property
    def bonus(self) -> Array:
        """Addition to the log score of each item."""
        bonus: FloatArray = (self.providers.shares @ self.prices).astype(np.float32)
        return bonus

    def applied(self, recommender: Recommender) -> Recommender:
        """Returns the recommender with these prices."""
        rules = recommender.rules
        factors = self.bonus if rules.log_factors is None else rules.log_factors + self.bonus
        return (
            recommender.under(replace(rules, log_factors=factors), recommender.recommendable)
            if self.prices.any()
            else recommender
        )

    def ndcg(self, held: HoldoutCandidates) -> tuple[Array, Array]:
        """Returns NDCG@10 of each held-out user, without and with prices."""
        return held.ndcg(held.scores), held.ndcg(held.scores + np.append(self.bonus, 0)[held.items])


def fit_fairness(
    recommender: Recommender, items: pl.DataFrame, profiles: FloatArray, settings: Settings, memory_mb: int
) -> Fairness:
    """Computes the owed exposure of providers and the prices that achieve it.

    Args:
        recommender: Recommender of the run, without prices.
        items: Catalogue.
        profiles: Text vectors of users, users × dimensions; see ListBuilder.
        settings: Fairness settings. With mode off all prices are 0.
        memory_mb: Memory limit of a batch, in megabytes.
    """
    providers = Providers.of(items, settings.attribute)
    sample = draw_sample(recommender, profiles, memory_mb)
    if settings.target == "merit":
        target = sample.merit(providers)
    else:
        live = recommender.recommendable & ~recommender.dead
        target = share_of(np.asarray(providers.shares[live].sum(0)).ravel())
    owed, nothing = settings.share * target, np.zeros(len(target))
    before = share_of(sample.exposed(providers, providers.shares @ nothing)[0])
    highest = {"off": 0.0, "penalty": settings.strength, "constraint": HIGHEST}[settings.mode]
    prices = find_prices(sample, providers, owed, highest) if highest else nothing
    return Fairness(providers, target, owed, before, prices)


def sampled_users(recommender: Recommender) -> IntArray:
    """Returns all users who get a list, or a sample if there are more than USERS_AT_MOST."""
    users = recommender.listed_users
    if len(users) <= USERS_AT_MOST:
        return users
    return np.sort(np.random.default_rng(recommender.seed).choice(users, USERS_AT_MOST, replace=False))


def draw_sample(recommender: Recommender, profiles: FloatArray, memory_mb: int, candidates: int = CANDIDATES) -> Sample:
    """Retrieves candidates of `sampled_users`."""
    users = sampled_users(recommender)
    wide = recommender.under(
        replace(recommender.rules, caps=(), pins=()),
        recommender.recommendable,
        top_n=min(max(candidates, 2 * recommender.top_n), int(recommender.recommendable.sum())),
        diversifier=None,
    )
    builder, width = ListBuilder(wide, profiles, memory_mb << 20), wide.top_n
    items = np.full((len(users), width), -1, np.int32)
    scores = np.full((len(users), width), -np.inf, np.float32)
    with progress("Weighing exposure", len(users), "users") as shown:
        for start in range(0, len(users), USERS_OF_A_BLOCK):
            block = users[start : start + USERS_OF_A_BLOCK]
            for part in builder.lists(block):
                rows = start + np.searchsorted(block, part.users)
                width_of_part = part.items.shape[1]
                items[rows, :width_of_part] = part.items
                with np.errstate(divide="ignore"):
                    scores[rows, :width_of_part] = np.where(part.items >= 0, np.log(part.scores), -np.inf)
            shown.advance(len(block))
    return Sample(items, scores, _Filling(recommender, items))


@dataclass(frozen=True)
class _Filling:
    """Fills lists from candidates as the recommender does."""

    recommender: Recommender
    items: IntArray

    def __call__(self, scores: FloatArray) -> Array:
        recommender, n = self.recommender, self.recommender.top_n
        new = (self.items >= 0) & recommender.new[self.items]
        if not new.any() and not recommender.rules.shape_lists:
            return top_k(scores, n)
        least, most = recommender.slots_of_new
        order = np.argsort(np.where(new, -scores, np.inf), axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(order.shape[1])[None, :], 1)
        of_known, of_new = tiers(1, order.shape[1], least, most)[0], tiers(0, order.shape[1], least, most)
        return recommender.rules.columns(self.items, scores, n, np.where(new, of_new[rank], of_known))
