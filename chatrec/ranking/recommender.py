"""Top-N lists of users with a history: all channels gather, the blend decides, and each row keeps its reason."""

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
"""A reason is looked for among so many of the latest events."""
JOINED = ""
CONSIDERED = 5
"""As many times the places of a list stay candidates where rules shape it."""
VARIED = 300
"""Candidates at least where lists are varied."""
WIDTH = 128
"""About the length of a vector."""
LEAST_SHARE = 0.25
"""A channel that gives less of a score does not name the event behind it."""


@dataclass(frozen=True)
class Recommender:
    """Everything that the lists of a night are made from."""

    blend: Ensemble
    aigc: aigc.AigcModel
    groups: ItemGroups
    index: ItemIndex
    histories: Interactions
    recommendable: Array
    """bool for each item."""
    top_n: int
    exclude_seen: bool
    seed: int
    new_at_least: float = 0.0
    """The share of a list that new items are guaranteed."""
    new_at_most: float = 1.0
    """The share that they may have."""
    searches: Searches | None = None
    """None where search words do not count."""
    rules: Rules = NO_RULES
    """`recommendable` keeps what they allow."""
    variety: Diversifier | None = None
    """None fills places by score alone."""
    known_popularity: Array | None = None
    """How popular each item is, where the events may not say it."""

    def under(self, rules: Rules, recommendable: Array, **others: Any) -> "Recommender":
        """The same under other rules; what does not depend on them is shared, because vectors are large."""
        made = replace(self, rules=rules, recommendable=recommendable, **others)
        for name in ("channels", "_vectors", "_popular", "_joint", "_groups_of_items"):
            made.__dict__[name] = getattr(self, name)
        return made

    @cached_property
    def channels(self) -> Mapping[str, Model]:
        """The channels of the blend and those that rank new items, in the order of the shares of a row."""
        known = {**self.blend.new.channels, **self.blend.channels, aigc.NAME: self.aigc}
        return {name: known[name] for name in dict.fromkeys([*self.blend.weights, *self.blend.new.weights])}

    @property
    def sources(self) -> list[str]:
        """What a row may come from, in the order of its shares: the channels, and searches."""
        return [*self.channels, *([SEARCH] if self.searches else [])]

    def bytes_of_a_user(self, events: int) -> int:
        """About how much memory a user with so many events takes while a batch is ranked."""
        channels = len(self.sources)
        reason = 16 * channels * self.top_n * min(events, EVENTS_OF_A_REASON)
        gathered = channels * max(GATHERED, self.considered) + len(self.suggested)
        compared = self.considered * sum(int(cap.codes.shape[1]) ** 2 for cap in self.rules.caps)
        by_rules = 4 * WIDTH * len(self.suggested) + compared
        return 12 * (channels + 2) * len(self.recommendable) + 16 * channels * gathered + reason + by_rules

    def lists(self, users: Array) -> Lists:
        """The lists of some users, all with a history.

        Args:
            users: of one batch; memory goes with their number and the size of the catalogue.
        """
        batch = self.batch(users, self.recommendable & ~self.new)
        of_aigc = self.aigc.queries(batch)
        vectors = of_aigc[:, : self.aigc.state.items.shape[1]]
        rated = self._rated(self._evidence(batch, of_aigc), self.blend.weights, batch)
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
        """Users whose lists may have some of the items."""
        return UserBatch(self.histories, users, recommendable, *self._hiding)

    @cached_property
    def considered(self) -> int:
        """Candidates of which a list is made: only rules and variety need more than it has places."""
        if self.variety:
            return max(VARIED, CONSIDERED * self.top_n)
        return CONSIDERED * self.top_n if self.rules.shape_lists else self.top_n

    @property
    def _shapes(self) -> bool:
        return self.rules.shape_lists or self.variety is not None

    def _wanted(self, users: Array, rated: ScoredCandidates) -> Array:
        """Scores in whose order places are filled."""
        return self.variety.scores(users, rated.items, rated.scores, self.top_n) if self.variety else rated.scores

    @cached_property
    def suggested(self) -> Array:
        """Rows of items that are candidates of everybody; none without rules."""
        popular, indexed = self._popular.weights, self.index.rows
        parts = (self.recommendable & ~self.new, self.recommendable & self.new)
        return np.concatenate([suggested(self.rules, part, popular, indexed, self.top_n) for part in parts])

    @cached_property
    def _hiding(self) -> tuple[bool, Array | None]:
        return self.rules.hidden_by_events(self.exclude_seen, self.histories)

    @cached_property
    def new(self) -> Array:
        """bool for each item: ranked by its texts alone, because nobody took it yet."""
        if not self.blend.new.weights:
            return np.zeros(len(self.recommendable), bool)
        new: Array = self.recommendable.copy()
        new[self.histories.items] = False
        return new

    @property
    def places_of_new(self) -> tuple[int, int]:
        """How many places of a list new items get at least, and at most."""
        least, most = (math.ceil(share * self.top_n) for share in (self.new_at_least, self.new_at_most))
        return least, most

    def _with_new(self, known: ScoredCandidates, users: Array) -> ScoredCandidates:
        """Lists of known and new items together."""
        batch, new = self.batch(users, self.new), self.blend.new
        evidence: list[Evidence] = [ScoredEvidence.of(new.channels[name], batch) for name in new.weights]
        both = beside(known, rated := self._rated(evidence, new.weights, batch), new.share)
        order = tiers(known.items.shape[1], rated.items.shape[1], *self.places_of_new)
        return both.at(self.rules.columns(both.items, self._wanted(users, both), self.top_n, order))

    def rated_by_searches(self, users: Array) -> ScoredCandidates:
        """Of users without a history: what answers their searches, the rest by popularity."""
        assert self.searches, "asked about searches where they do not count"
        batch = self.batch(users, self.recommendable)
        evidence: list[Evidence] = [ScoredEvidence.of(self._popular, batch), self.searches.evidence(batch)]
        weights = np.array([1, self.searches.weight], np.float32)
        rated = rate(evidence, weights, batch, self.considered, self.rules, self.suggested)
        if not self._shapes:
            return rated
        return rated.at(self.rules.columns(rated.items, rated.scores, self.top_n))

    def _rated(self, evidence: list[Evidence], weights: Mapping[str, float], batch: UserBatch) -> ScoredCandidates:
        """The best, with a share of 0 for the channels that say nothing of them."""
        if self.searches:
            evidence = [*evidence, self.searches.evidence(batch)]
            weights = {**weights, SEARCH: self.searches.weight}
        all_weights = np.array(list(weights.values()), np.float32)
        rated = rate(evidence, all_weights, batch, self.considered, self.rules, self.suggested)
        shares = np.zeros((*rated.items.shape, len(self.sources)), np.float32)
        shares[:, :, [self.sources.index(name) for name in weights]] = rated.shares
        return replace(rated, shares=shares)

    def _evidence(self, batch: UserBatch, of_aigc: Array) -> list[Evidence]:
        """Of each channel; those that the index holds gather together."""
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
        """Of each indexed channel, and of all of them JOINED."""
        keys = {JOINED: self._joint.keys, **{name: channel.keys for name, channel in self._joint.channels.items()}}
        return {name: Vectors(each, self.index, self.seed) for name, each in keys.items()}

    @cached_property
    def popular(self) -> Array:
        """How popular each item is: float64."""
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
        """Of each item's groups the one that the user attends to most."""
        attention = self.aigc.state.attention(vectors)
        groups = self._groups_of_items[items]
        padded = np.hstack([attention, np.full((len(attention), 1), -1, attention.dtype)])
        weights = padded[np.arange(len(items))[:, None, None], groups]
        strongest = np.take_along_axis(groups, weights.argmax(2)[..., None], 2)[..., 0]
        return np.where(items >= 0, strongest, NOBODY)

    def _strongest_event(self, items: Array, shares: Array, batch: UserBatch) -> Array:
        """The event that adds most to the strongest of those channels whose scores are sums, if it is strong."""
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
    """The groups of each item: (items + 1) × at most GROUPS_OF_AN_ITEM, padded with -1; the last row is nobody's."""
    order = np.argsort(groups.items, kind="stable")
    return padded(groups.items[order], groups.groups[order], items, GROUPS_OF_AN_ITEM)
