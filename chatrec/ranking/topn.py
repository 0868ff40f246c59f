"""Top-N lists of users with a history: all channels gather, the blend decides, and each row keeps its reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chatrec.aigc import channel as aigc
from chatrec.aigc.groups import ItemGroups
from chatrec.blend.candidates import GATHERED, NOBODY, Candidates, best_places, gather
from chatrec.blend.evidence import Evidence, ScoredEvidence
from chatrec.blend.learn import Blend
from chatrec.block import Block
from chatrec.channels.base import Channel
from chatrec.index import ItemIndex
from chatrec.ranking.joint import Joint
from chatrec.ranking.lists import BLEND, Lists
from chatrec.ranking.vectors import IndexedEvidence, PartOfIndex, Vectors
from chatrec.source.snapshot import Array, Histories

GROUPS_OF_AN_ITEM = 32
EVENTS_OF_A_REASON = 50
"""A reason is looked for among so many of the latest events."""
JOINED = ""
LEAST_SHARE = 0.25
"""A channel that gives less of a score does not name the event behind it."""


@dataclass(frozen=True)
class Ranker:
    """Everything that the lists of a night are made from."""

    blend: Blend
    aigc: aigc.AigcChannel
    groups: ItemGroups
    index: ItemIndex
    histories: Histories
    recommendable: Array
    """bool for each item."""
    top_n: int
    exclude_seen: bool
    seed: int

    @property
    def channels(self) -> Mapping[str, Channel]:
        """The channels of the blend, in the order of the shares of a row."""
        known = {**self.blend.channels, aigc.NAME: self.aigc}
        return {name: known[name] for name in self.blend.weights}

    def bytes_of_a_user(self, events: int) -> int:
        """About how much memory a user with so many events takes while a block is ranked."""
        channels = len(self.blend.weights)
        reason = 16 * channels * self.top_n * min(events, EVENTS_OF_A_REASON)
        return 12 * (channels + 2) * len(self.recommendable) + 16 * channels * channels * GATHERED + reason

    def lists(self, users: Array) -> Lists:
        """The lists of some users, all with a history.

        Args:
            users: of one block; memory goes with their number and the size of the catalogue.
        """
        block = Block(self.histories, users, self.recommendable, self.exclude_seen)
        of_aigc = self.aigc.queries(block)
        vectors = of_aigc[:, : self.aigc.state.items.shape[1]]
        found = gather(self._evidence(block, of_aigc), block, max(GATHERED, self.top_n))
        weights = np.array(list(self.blend.weights.values()), np.float32)
        places, scores = best_places(found.items, found.log_shares, weights, self.top_n)
        items = np.take_along_axis(found.items, places, 1)
        shares = _shares(found, places, weights)
        return Lists(
            users,
            items,
            np.where(items >= 0, np.take_along_axis(_softmax(scores), places, 1), 0).astype(np.float32),
            BLEND,
            self._strongest_group(items, vectors),
            self._strongest_event(items, shares, block),
            shares,
            vectors,
        )

    def _evidence(self, block: Block, of_aigc: Array) -> list[Evidence]:
        """Of each channel; those that the index holds gather together."""
        joint = self._joint
        found: list[Evidence] = []
        queries = {name: of_aigc if each is self.aigc else each.queries(block) for name, each in joint.channels.items()}
        together: IndexedEvidence | None = IndexedEvidence(self._vectors[JOINED], joint.join(queries), block)
        for name, channel in self.channels.items():
            if name in queries:
                own = IndexedEvidence(self._vectors[name], queries[name], block)
                found.append(PartOfIndex(own, together))
                together = None
            else:
                found.append(ScoredEvidence.of(channel, block))
        return found

    @cached_property
    def _vectors(self) -> dict[str, Vectors]:
        """Of each indexed channel, and of all of them JOINED."""
        keys = {JOINED: self._joint.keys, **{name: channel.keys for name, channel in self._joint.channels.items()}}
        return {name: Vectors(each, self.index, self.seed) for name, each in keys.items()}

    @cached_property
    def _joint(self) -> Joint:
        return Joint.of(self.blend, self.aigc)

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

    def _strongest_event(self, items: Array, shares: Array, block: Block) -> Array:
        """The event that adds most to the strongest of those channels whose scores are sums, if it is strong."""
        latest = block.histories.latest(block.users, EVENTS_OF_A_REASON)
        found, strength = np.full(items.shape, NOBODY, np.int32), np.full(items.shape, LEAST_SHARE, np.float32)
        for place, channel in enumerate(self.channels.values()):
            added = channel.added(latest, items)
            if added is None:
                continue
            added = np.where((latest >= 0)[:, None, :], added, -np.inf)
            stronger = (shares[:, :, place] > strength) & (added.max(2) > 0)
            found = np.where(stronger, np.take_along_axis(latest, added.argmax(2), 1), found)
            strength = np.where(stronger, shares[:, :, place], strength)
        return np.where(items >= 0, found, NOBODY)


def _shares(found: Candidates, places: Array, weights: Array) -> Array:
    """What part of a row's score each channel gives: w (l - floor) over its sum, users × places × channels."""
    l = np.take_along_axis(found.log_shares, places[:, :, None], 1)  # noqa: E741
    parts = np.maximum(l - found.floors[:, None, :], 0) * weights
    total = parts.sum(2, keepdims=True)
    shares: Array = np.where(total > 0, parts / np.where(total > 0, total, 1), 0).astype(np.float32)
    return shares


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - np.maximum(scores.max(1, keepdims=True), np.finfo(np.float32).min))
    shares: Array = powers / np.maximum(powers.sum(1, keepdims=True), np.finfo(np.float32).tiny)
    return shares


def padded_groups(groups: ItemGroups, items: int) -> Array:
    """The groups of each item: (items + 1) × at most GROUPS_OF_AN_ITEM, padded with -1; the last row is nobody's."""
    order = np.argsort(groups.items, kind="stable")
    item, group = groups.items[order], groups.groups[order]
    place = np.arange(len(item)) - np.searchsorted(item, item)
    kept = place < GROUPS_OF_AN_ITEM
    padded = np.full((items + 1, int(place[kept].max(initial=0)) + 1), NOBODY, np.int32)
    padded[item[kept], place[kept]] = group[kept]
    return padded
