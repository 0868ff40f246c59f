"""Top-N lists of users with a history: retrieval by all models, ensemble scores, and an explanation for each row."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from chatrec.aigc import aigc as aigc
from chatrec.aigc.groups import ItemGroups
from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import PADDING, RETRIEVED
from chatrec.ensemble.ensemble import Ensemble
from chatrec.ensemble.log_shares import LogShares, ScoredLogShares
from chatrec.models import popularity
from chatrec.models.base import Model
from chatrec.ranking.diversity import Diversifier
from chatrec.ranking.lists import ENSEMBLE, Lists
from chatrec.ranking.rule_candidates import rule_candidates
from chatrec.ranking.rules.items import padded
from chatrec.ranking.rules.rules import Rules
from chatrec.ranking.scored import NO_RULES, ScoredCandidates, concatenated, scored_candidates
from chatrec.ranking.searches import SEARCH, Searches
from chatrec.ranking.slots import LAST_RESORT, tiers
from chatrec.retrieval.concatenated import ConcatenatedVectors
from chatrec.retrieval.index import ItemIndex
from chatrec.retrieval.vectors import IndexedLogShares, PartOfIndex, Vectors

GROUPS_OF_AN_ITEM = 32
EVENTS_OF_A_REASON = 50
"""Number of latest events considered for an explanation."""
JOINED = ""
CONSIDERED = 5
"""Candidates kept where rules shape a list, as a multiple of its length."""
MIN_DIVERSE_CANDIDATES = 300
"""Minimum number of candidates for diverse lists."""
WIDTH = 128
"""Approximate length of a vector, to estimate memory."""
AFTER_ALL = 1_000
"""Subtracted from log P of dead stock, so that it follows all other items; the score of a row is then 0."""
LEAST_SHARE = 0.25
"""Minimum share of a model in the score for its strongest event to be the explanation."""


@dataclass(frozen=True)
class Recommender:
    """Makes the lists of a run."""

    ensemble: Ensemble
    aigc: aigc.AigcModel
    groups: ItemGroups
    index: ItemIndex
    histories: Interactions
    recommendable: BoolArray
    """Availability of items, bool of shape (items,)."""
    top_n: int
    exclude_seen: bool
    seed: int
    cold_items_min_share: float = 0.0
    """Minimum share of a list for new items."""
    cold_items_max_share: float = 1.0
    """Maximum share of a list for new items."""
    searches: Searches | None = None
    """None if searches are not used."""
    rules: Rules = NO_RULES
    """`recommendable` already excludes the items that they deny."""
    diversifier: Diversifier | None = None
    """None orders lists by score alone."""
    known_popularity: FloatArray | None = None
    """Popularity of each item, where it may not be computed from the events."""
    active: BoolArray | None = None
    """Whether a user gets a list, bool of shape (users,); None if all do."""
    arrived_lately: BoolArray | None = None
    """Whether a cold item is new, bool of shape (items,); None if none is."""

    def under(self, rules: Rules, recommendable: BoolArray, **others: Any) -> "Recommender":
        """Returns a copy with other rules. Caches that do not depend on them are shared, because vectors are large."""
        made = replace(self, rules=rules, recommendable=recommendable, **others)
        for name in ("models", "_vectors", "_popular", "_joint", "_groups_of_items"):
            made.__dict__[name] = getattr(self, name)
        return made

    @cached_property
    def listed_users(self) -> IntArray:
        """Rows of the users who get a list."""
        return np.arange(self.histories.users) if self.active is None else np.flatnonzero(self.active)

    @cached_property
    def models(self) -> Mapping[str, Model]:
        """Models of the ensemble and of cold items, in the order of the shares of a row."""
        fitted = {**self.ensemble.cold.models, **self.ensemble.models, aigc.NAME: self.aigc}
        return {name: fitted[name] for name in dict.fromkeys([*self.ensemble.weights, *self.ensemble.cold.weights])}

    @property
    def sources(self) -> list[str]:
        """Sources of a row, in the order of its shares: the models, and searches."""
        return [*self.models, *([SEARCH] if self.searches else [])]

    def bytes_of_a_user(self, events: int) -> int:
        """Estimates the memory that ranking a user with a number of events takes, in bytes."""
        models = len(self.sources)
        reason = 16 * models * self.top_n * min(events, EVENTS_OF_A_REASON)
        retrieved = models * max(RETRIEVED, self.considered) + len(self.extra_candidates)
        compared = self.considered * sum(int(cap.codes.shape[1]) ** 2 for cap in self.rules.caps)
        by_rules = 4 * WIDTH * len(self.extra_candidates) + compared
        return 12 * (models + 2) * len(self.recommendable) + 16 * models * retrieved + reason + by_rules

    def lists(self, users: IntArray) -> Lists:
        """Makes the lists of users with a history.

        Args:
            users: Users of one batch. Memory grows with their number and the size of the catalogue.
        """
        batch = self.batch(users, self.recommendable & ~self.cold)
        of_aigc = self.aigc.queries(batch)
        vectors = of_aigc[:, : self.aigc.state.items.shape[1]]
        scored = self._scored(self.log_shares(batch, of_aigc), self.ensemble.weights, batch)
        if self.cold.any() or self._shapes:
            scored = self._selected(scored, users)
        return Lists(
            users,
            scored.items,
            np.where(scored.items >= 0, np.exp(scored.scores), 0).astype(np.float32),
            ENSEMBLE,
            self._strongest_group(scored.items, vectors),
            self._strongest_event(scored.items, scored.shares, batch),
            scored.shares,
            vectors,
        )

    def batch(self, users: IntArray, recommendable: BoolArray) -> UserBatch:
        """Returns a batch of users whose lists may contain the given items."""
        return UserBatch(self.histories, users, recommendable, *self._hiding)

    @cached_property
    def considered(self) -> int:
        """Number of candidates per list; larger than top_n only for rules and diversity."""
        if self.diversifier:
            return max(MIN_DIVERSE_CANDIDATES, CONSIDERED * self.top_n)
        return CONSIDERED * self.top_n if self.rules.shape_lists else self.top_n

    @property
    def _shapes(self) -> bool:
        return self.rules.shape_lists or self.diversifier is not None

    def _ordering_scores(self, users: IntArray, scored: ScoredCandidates) -> Array:
        """Returns the scores by which lists are ordered."""
        return (
            self.diversifier.scores(users, scored.items, scored.scores, self.top_n)
            if self.diversifier
            else scored.scores
        )

    @cached_property
    def extra_candidates(self) -> Array:
        """Rows of items that are candidates of all users; none without rules."""
        popular, indexed = self._popular.weights, self.index.rows
        parts = (self.recommendable & ~self.cold, self.new, self.dead)
        return np.concatenate([rule_candidates(self.rules, part, popular, indexed, self.top_n) for part in parts])

    @cached_property
    def _hiding(self) -> tuple[bool, Array | None]:
        return self.rules.hidden_by_events(self.exclude_seen, self.histories)

    @cached_property
    def cold(self) -> Array:
        """Cold items, which have no events and are ranked by their texts: bool of shape (items,).

        They are new or dead stock.
        """
        if not self.ensemble.cold.weights:
            return np.zeros(len(self.recommendable), bool)
        cold: BoolArray = self.recommendable.copy()
        cold[self.histories.items] = False
        return cold

    @cached_property
    def new(self) -> BoolArray:
        """Cold items that arrived lately, bool of shape (items,)."""
        return self.cold & (False if self.arrived_lately is None else self.arrived_lately)

    @cached_property
    def dead(self) -> BoolArray:
        """Dead stock, the other cold items: a last resort of lists, bool of shape (items,)."""
        return self.cold & ~self.new

    @property
    def slots_of_new(self) -> tuple[int, int]:
        """Minimum and maximum number of slots for new items."""
        shares = self.cold_items_min_share, self.cold_items_max_share
        return math.ceil(shares[0] * self.top_n), math.ceil(shares[1] * self.top_n)

    def _selected(self, warm: ScoredCandidates, users: IntArray) -> ScoredCandidates:
        """Merges warm and cold items, and selects the items of the lists."""
        live, order = warm, tiers(warm.items.shape[1], 0, 0, 0)
        if self.new.any():
            new = self._scored_by_texts(users, self.new)
            live = concatenated(warm, new, self.ensemble.cold.share)
            order = tiers(warm.items.shape[1], new.items.shape[1], *self.slots_of_new)
        return self._filled(
            live, self._ordering_scores(users, live), order, lambda: self._scored_by_texts(users, self.dead)
        )

    def _filled(
        self, live: ScoredCandidates, scores: FloatArray, order: IntArray, last: Callable[[], ScoredCandidates]
    ) -> ScoredCandidates:
        """Selects the items of the lists; dead stock fills the lists that are short, and may be pinned.

        Args:
            live: Scored candidates without dead stock.
            scores: Scores by which they are ordered.
            order: Tiers of the candidates.
            last: Scores dead stock.
        """
        columns = self.rules.columns(live.items, scores, self.top_n, order)
        is_short = columns.shape[1] < self.top_n or (columns < 0).any()
        if not (self.dead[self.rules.pinned].any() or (is_short and self.dead.any())):
            return live.at(columns)
        dead = last().worse(AFTER_ALL)
        order = np.concatenate([order, np.full(dead.items.shape[1], LAST_RESORT)])
        both = live.beside(dead)
        return both.at(self.rules.columns(both.items, np.hstack([scores, dead.scores]), self.top_n, order))

    def _scored_by_texts(self, users: IntArray, part: BoolArray) -> ScoredCandidates:
        """Returns the best of some cold items."""
        batch, cold = self.batch(users, part), self.ensemble.cold
        log_shares: list[LogShares] = [ScoredLogShares.of(cold.models[name], batch) for name in cold.weights]
        return self._scored(log_shares, cold.weights, batch)

    def scored_by_searches(self, users: IntArray) -> ScoredCandidates:
        """Returns the candidates of users without a history: matches of their searches, then popular items."""
        live = self._scored_by_search(users, self.recommendable & ~self.dead)
        if not (self._shapes or self.dead.any()):
            return live
        order = tiers(live.items.shape[1], 0, 0, 0)
        return self._filled(live, live.scores, order, lambda: self._scored_by_search(users, self.dead))

    def _scored_by_search(self, users: IntArray, part: BoolArray) -> ScoredCandidates:
        assert self.searches, "searches are not used"
        batch = self.batch(users, part)
        log_shares: list[LogShares] = [ScoredLogShares.of(self._popular, batch), self.searches.log_shares(batch)]
        weights = np.array([1, self.searches.weight], np.float32)
        return scored_candidates(log_shares, weights, batch, self.considered, self.rules, self.extra_candidates)

    def _scored(self, log_shares: list[LogShares], weights: Mapping[str, float], batch: UserBatch) -> ScoredCandidates:
        """Returns the best candidates; models without log shares of them have a share of 0."""
        if self.searches:
            log_shares = [*log_shares, self.searches.log_shares(batch)]
            weights = {**weights, SEARCH: self.searches.weight}
        all_weights = np.array(list(weights.values()), np.float32)
        scored = scored_candidates(log_shares, all_weights, batch, self.considered, self.rules, self.extra_candidates)
        shares = np.zeros((*scored.items.shape, len(self.sources)), np.float32)
        shares[:, :, [self.sources.index(name) for name in weights]] = scored.shares
        return replace(scored, shares=shares)

    def log_shares(self, batch: UserBatch, of_aigc: FloatArray) -> list[LogShares]:
        """Returns the log shares of each model. Models in the index retrieve candidates together.

        Args:
            batch: Batch of users.
            of_aigc: Their AIGC queries.
        """
        joint = self._joint
        log_shares: list[LogShares] = []
        queries = {
            name: of_aigc if model is self.aigc else model.queries(batch) for name, model in joint.models.items()
        }
        together: IndexedLogShares | None = IndexedLogShares(self._vectors[JOINED], joint.join(queries), batch)
        for name in self.ensemble.weights:
            model = self.models[name]
            if name in queries:
                own = IndexedLogShares(self._vectors[name], queries[name], batch)
                log_shares.append(PartOfIndex(own, together))
                together = None
            else:
                log_shares.append(ScoredLogShares.of(model, batch))
        return log_shares

    @cached_property
    def _vectors(self) -> dict[str, Vectors]:
        """Vectors of each indexed model, and of all of them under JOINED."""
        keys = {JOINED: self._joint.keys, **{name: model.keys for name, model in self._joint.models.items()}}
        return {name: Vectors(vectors, self.index, self.seed) for name, vectors in keys.items()}

    @cached_property
    def popular(self) -> Array:
        """Popularity of each item, float64."""
        if self.known_popularity is not None:
            return self.known_popularity.astype(np.float64)
        return popularity.popularity(self.histories, len(self.recommendable))

    @cached_property
    def _popular(self) -> popularity.Popularity:
        return popularity.Popularity(self.popular.astype(np.float32))

    @cached_property
    def _joint(self) -> ConcatenatedVectors:
        return ConcatenatedVectors.of(self.ensemble, self.aigc)

    @cached_property
    def _groups_of_items(self) -> Array:
        return padded_groups(self.groups, len(self.recommendable))

    def _strongest_group(self, items: IntArray, vectors: FloatArray) -> Array:
        """Returns the group of each item with the highest attention of the user."""
        attention = self.aigc.state.attention(vectors)
        groups = self._groups_of_items[items]
        padded = np.hstack([attention, np.full((len(attention), 1), -1, attention.dtype)])
        weights = padded[np.arange(len(items))[:, None, None], groups]
        strongest = np.take_along_axis(groups, weights.argmax(2)[..., None], 2)[..., 0]
        return np.where(items >= 0, strongest, PADDING)

    def _strongest_event(self, items: IntArray, shares: FloatArray, batch: UserBatch) -> Array:
        """Returns the event with the largest contribution to the strongest model, if that model's share suffices."""
        latest = batch.histories.latest(batch.users, EVENTS_OF_A_REASON)
        ages = batch.histories.latest_ages(batch.users, EVENTS_OF_A_REASON)
        events, strength = np.full(items.shape, PADDING, np.int32), np.full(items.shape, LEAST_SHARE, np.float32)
        for column, model in enumerate(self.models.values()):
            added = model.contributions(latest, ages, items)
            if added is None:
                continue
            added = np.where((latest >= 0)[:, None, :], added, -np.inf)
            stronger = (shares[:, :, column] > strength) & (added.max(2) > 0)
            events = np.where(stronger, np.take_along_axis(latest, added.argmax(2), 1), events)
            strength = np.where(stronger, shares[:, :, column], strength)
        return np.where(items >= 0, events, PADDING)


def padded_groups(groups: ItemGroups, items: int) -> Array:
    """Returns the groups of items, (items + 1) × at most GROUPS_OF_AN_ITEM, padded with -1; the last row is padding."""
    order = np.argsort(groups.items, kind="stable")
    return padded(groups.items[order], groups.groups[order], items, GROUPS_OF_AN_ITEM)
