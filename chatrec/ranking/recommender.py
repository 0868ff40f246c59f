"""Top-N lists of users with a history: retrieval by all models, ensemble scores, and an explanation for each row."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from chatrec.aigc import aigc as aigc
from chatrec.aigc.groups import ItemGroups
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.candidates import GATHERED, NOBODY
from chatrec.ensemble.ensemble import Ensemble
from chatrec.ensemble.log_shares import Evidence, ScoredEvidence
from chatrec.models import popularity
from chatrec.models.base import Model
from chatrec.ranking.diversity import Diversifier
from chatrec.ranking.lists import BLEND, Lists
from chatrec.ranking.rule_candidates import suggested
from chatrec.ranking.rules.items import padded
from chatrec.ranking.rules.rules import Rules
from chatrec.ranking.scored import NO_RULES, ScoredCandidates, beside, rate
from chatrec.ranking.searches import SEARCH, Searches
from chatrec.ranking.slots import tiers
from chatrec.retrieval.concatenated import ConcatenatedVectors
from chatrec.retrieval.index import ItemIndex
from chatrec.retrieval.vectors import IndexedEvidence, PartOfIndex, Vectors

GROUPS_OF_AN_ITEM = 32
EVENTS_OF_A_REASON = 50
"""Number of latest events considered for an explanation."""
JOINED = ""
CONSIDERED = 5
"""Candidates kept where rules shape a list, as a multiple of its length."""
VARIED = 300
"""Minimum number of candidates for diverse lists."""
WIDTH = 128
"""Approximate length of a vector, to estimate memory."""
LEAST_SHARE = 0.25
"""Minimum share of a model in the score for its strongest event to be the explanation."""


@dataclass(frozen=True)
class Recommender:
    """Makes the lists of a run."""

    blend: Ensemble
    aigc: aigc.AigcModel
    groups: ItemGroups
    index: ItemIndex
    histories: Interactions
    recommendable: Array
    """Availability of items, bool of shape (items,)."""
    top_n: int
    exclude_seen: bool
    seed: int
    new_at_least: float = 0.0
    """Minimum share of a list for cold items."""
    new_at_most: float = 1.0
    """Maximum share of a list for cold items."""
    searches: Searches | None = None
    """None if searches are not used."""
    rules: Rules = NO_RULES
    """`recommendable` already excludes the items that they deny."""
    variety: Diversifier | None = None
    """None orders lists by score alone."""
    known_popularity: Array | None = None
    """Popularity of each item, where it may not be computed from the events."""

    def under(self, rules: Rules, recommendable: Array, **others: Any) -> "Recommender":
        """Returns a copy with other rules. Caches that do not depend on them are shared, because vectors are large."""
        made = replace(self, rules=rules, recommendable=recommendable, **others)
        for name in ("channels", "_vectors", "_popular", "_joint", "_groups_of_items"):
            made.__dict__[name] = getattr(self, name)
        return made

    @cached_property
    def channels(self) -> Mapping[str, Model]:
        """Models of the ensemble and of cold items, in the order of the shares of a row."""
        known = {**self.blend.new.channels, **self.blend.channels, aigc.NAME: self.aigc}
        return {name: known[name] for name in dict.fromkeys([*self.blend.weights, *self.blend.new.weights])}

    @property
    def sources(self) -> list[str]:
        """Sources of a row, in the order of its shares: the models, and searches."""
        return [*self.channels, *([SEARCH] if self.searches else [])]

    def bytes_of_a_user(self, events: int) -> int:
        """Estimates the memory that ranking a user with a number of events takes, in bytes."""
        channels = len(self.sources)
        reason = 16 * channels * self.top_n * min(events, EVENTS_OF_A_REASON)
        gathered = channels * max(GATHERED, self.considered) + len(self.suggested)
        compared = self.considered * sum(int(cap.codes.shape[1]) ** 2 for cap in self.rules.caps)
        by_rules = 4 * WIDTH * len(self.suggested) + compared
        return 12 * (channels + 2) * len(self.recommendable) + 16 * channels * gathered + reason + by_rules

    def lists(self, users: Array) -> Lists:
        """Makes the lists of users with a history.

        Args:
            users: Users of one batch. Memory grows with their number and the size of the catalogue.
        """
        batch = self.batch(users, self.recommendable & ~self.new)
        of_aigc = self.aigc.queries(batch)
        vectors = of_aigc[:, : self.aigc.state.items.shape[1]]
        rated = self._rated(self.evidence(batch, of_aigc), self.blend.weights, batch)
        if self.new.any():
            rated = self._with_new(rated, users)
        elif self._shapes:
            rated = rated.at(self.rules.columns(rated.items, self._wanted(users, rated), self.top_n))
        return Lists(
            users,
            rated.items,
            np.where(rated.items >= 0, np.exp(rated.scores), 0).astype(np.float32),
            BLEND,
            self._strongest_group(rated.items, vectors),
            self._strongest_event(rated.items, rated.shares, batch),
            rated.shares,
            vectors,
        )

    def batch(self, users: Array, recommendable: Array) -> UserBatch:
        """Returns a batch of users whose lists may contain the given items."""
        return UserBatch(self.histories, users, recommendable, *self._hiding)

    @cached_property
    def considered(self) -> int:
        """Number of candidates per list; larger than top_n only for rules and diversity."""
        if self.variety:
            return max(VARIED, CONSIDERED * self.top_n)
        return CONSIDERED * self.top_n if self.rules.shape_lists else self.top_n

    @property
    def _shapes(self) -> bool:
        return self.rules.shape_lists or self.variety is not None

    def _wanted(self, users: Array, rated: ScoredCandidates) -> Array:
        """Returns the scores by which lists are ordered."""
        return self.variety.scores(users, rated.items, rated.scores, self.top_n) if self.variety else rated.scores

    @cached_property
    def suggested(self) -> Array:
        """Rows of items that are candidates of all users; none without rules."""
        popular, indexed = self._popular.weights, self.index.rows
        parts = (self.recommendable & ~self.new, self.recommendable & self.new)
        return np.concatenate([suggested(self.rules, part, popular, indexed, self.top_n) for part in parts])

    @cached_property
    def _hiding(self) -> tuple[bool, Array | None]:
        return self.rules.hidden_by_events(self.exclude_seen, self.histories)

    @cached_property
    def new(self) -> Array:
        """Cold items, which have no events and are ranked by their texts: bool of shape (items,)."""
        if not self.blend.new.weights:
            return np.zeros(len(self.recommendable), bool)
        new: Array = self.recommendable.copy()
        new[self.histories.items] = False
        return new

    @property
    def places_of_new(self) -> tuple[int, int]:
        """Minimum and maximum number of slots for cold items."""
        least, most = (math.ceil(share * self.top_n) for share in (self.new_at_least, self.new_at_most))
        return least, most

    def _with_new(self, known: ScoredCandidates, users: Array) -> ScoredCandidates:
        """Merges known and cold items."""
        batch, new = self.batch(users, self.new), self.blend.new
        evidence: list[Evidence] = [ScoredEvidence.of(new.channels[name], batch) for name in new.weights]
        both = beside(known, rated := self._rated(evidence, new.weights, batch), new.share)
        order = tiers(known.items.shape[1], rated.items.shape[1], *self.places_of_new)
        return both.at(self.rules.columns(both.items, self._wanted(users, both), self.top_n, order))

    def rated_by_searches(self, users: Array) -> ScoredCandidates:
        """Returns the candidates of users without a history: matches of their searches, then popular items."""
        assert self.searches, "asked about searches where they do not count"
        batch = self.batch(users, self.recommendable)
        evidence: list[Evidence] = [ScoredEvidence.of(self._popular, batch), self.searches.evidence(batch)]
        weights = np.array([1, self.searches.weight], np.float32)
        rated = rate(evidence, weights, batch, self.considered, self.rules, self.suggested)
        if not self._shapes:
            return rated
        return rated.at(self.rules.columns(rated.items, rated.scores, self.top_n))

    def _rated(self, evidence: list[Evidence], weights: Mapping[str, float], batch: UserBatch) -> ScoredCandidates:
        """Returns the best candidates; models without log shares of them have a share of 0."""
        if self.searches:
            evidence = [*evidence, self.searches.evidence(batch)]
            weights = {**weights, SEARCH: self.searches.weight}
        all_weights = np.array(list(weights.values()), np.float32)
        rated = rate(evidence, all_weights, batch, self.considered, self.rules, self.suggested)
        shares = np.zeros((*rated.items.shape, len(self.sources)), np.float32)
        shares[:, :, [self.sources.index(name) for name in weights]] = rated.shares
        return replace(rated, shares=shares)

    def evidence(self, batch: UserBatch, of_aigc: Array) -> list[Evidence]:
        """Returns the log shares of each model. Models in the index retrieve candidates together.

        Args:
            batch: Batch of users.
            of_aigc: Their AIGC queries.
        """
        joint = self._joint
        found: list[Evidence] = []
        queries = {name: of_aigc if each is self.aigc else each.queries(batch) for name, each in joint.channels.items()}
        together: IndexedEvidence | None = IndexedEvidence(self._vectors[JOINED], joint.join(queries), batch)
        for name in self.blend.weights:
            channel = self.channels[name]
            if name in queries:
                own = IndexedEvidence(self._vectors[name], queries[name], batch)
                found.append(PartOfIndex(own, together))
                together = None
            else:
                found.append(ScoredEvidence.of(channel, batch))
        return found

    @cached_property
    def _vectors(self) -> dict[str, Vectors]:
        """Vectors of each indexed model, and of all of them under JOINED."""
        keys = {JOINED: self._joint.keys, **{name: channel.keys for name, channel in self._joint.channels.items()}}
        return {name: Vectors(each, self.index, self.seed) for name, each in keys.items()}

    @cached_property
    def popular(self) -> Array:
        """Popularity of each item, float64."""
        if self.known_popularity is not None:
            return self.known_popularity.astype(np.float64)
        return popularity.popularity(self.histories.items, self.histories.weights, len(self.recommendable))

    @cached_property
    def _popular(self) -> popularity.Popularity:
        return popularity.Popularity(self.popular.astype(np.float32))

    @cached_property
    def _joint(self) -> ConcatenatedVectors:
        return ConcatenatedVectors.of(self.blend, self.aigc)

    @cached_property
    def _groups_of_items(self) -> Array:
        return padded_groups(self.groups, len(self.recommendable))

    def _strongest_group(self, items: Array, vectors: Array) -> Array:
        """Returns the group of each item with the highest attention of the user."""
        attention = self.aigc.state.attention(vectors)
        groups = self._groups_of_items[items]
        padded = np.hstack([attention, np.full((len(attention), 1), -1, attention.dtype)])
        weights = padded[np.arange(len(items))[:, None, None], groups]
        strongest = np.take_along_axis(groups, weights.argmax(2)[..., None], 2)[..., 0]
        return np.where(items >= 0, strongest, NOBODY)

    def _strongest_event(self, items: Array, shares: Array, batch: UserBatch) -> Array:
        """Returns the event with the largest contribution to the strongest model, if that model's share suffices."""
        latest = batch.histories.latest(batch.users, EVENTS_OF_A_REASON)
        found, strength = np.full(items.shape, NOBODY, np.int32), np.full(items.shape, LEAST_SHARE, np.float32)
        for place, channel in enumerate(self.channels.values()):
            added = channel.contributions(latest, items)
            if added is None:
                continue
            added = np.where((latest >= 0)[:, None, :], added, -np.inf)
            stronger = (shares[:, :, place] > strength) & (added.max(2) > 0)
            found = np.where(stronger, np.take_along_axis(latest, added.argmax(2), 1), found)
            strength = np.where(stronger, shares[:, :, place], strength)
        return np.where(items >= 0, found, NOBODY)


def padded_groups(groups: ItemGroups, items: int) -> Array:
    """Returns the groups of items, (items + 1) × at most GROUPS_OF_AN_ITEM, padded with -1; the last row is padding."""
    order = np.argsort(groups.items, kind="stable")
    return padded(groups.items[order], groups.groups[order], items, GROUPS_OF_AN_ITEM)
