"""Texts of items and users, rendered on demand, a block at a time, so that they need not fit into memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from chatrec.config import Settings
from chatrec.config.source import Text
from chatrec.data.arrays import Array
from chatrec.data.interactions import Queries
from chatrec.encoder import texts, users
from chatrec.extract.snapshot import Snapshot

ROWS_OF_A_BLOCK = 20_000
PROFILES_AT_MOST = 5_000
"""Sample size of profiles of users with a history: enough to learn how profiles relate to behaviour."""
PROFILES_COMPOSED = 20_000
"""Above this number of distinct profiles, vectors of users with a history are composed of their items alone."""


class TextSource(Protocol):
    """A source of texts, one per row."""

    def __len__(self) -> int:
        """Number of rows."""

    def read(self, rows: Array) -> Iterator[str]:
        """Yield the texts of the given rows, which must ascend."""

    @property
    def digests(self) -> Array:
        """Digest of each text, as returned by `texts.digests`."""


@dataclass(frozen=True)
class ItemTexts:
    """Texts of all items."""

    snapshot: Snapshot
    template: Text

    def __len__(self) -> int:
        return self.snapshot.item_count

    @cached_property
    def digests(self) -> Array:
        """Digest of each text."""
        return texts.digests(self.read(np.arange(len(self))))

    def read(self, rows: Array) -> Iterator[str]:
        """Yield the texts of the given items, which must ascend."""
        start = 0
        for block in self.snapshot.item_blocks(ROWS_OF_A_BLOCK):
            low, high = np.searchsorted(rows, (start, start + block.height))
            if low < high:
                yield from texts.item_texts(block[rows[low:high] - start], self.template.item)
            start += block.height


@dataclass(frozen=True)
class UserTexts:
    """Texts of some users."""

    snapshot: Snapshot
    users: Array
    history: int
    """Number of latest titles per user; 0 renders the profile alone."""
    searches: bool
    """Whether texts include search queries."""
    template: Text

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def digests(self) -> Array:
        """Digest of each text."""
        return texts.digests(self.read(np.arange(len(self))))

    def read(self, rows: Array) -> Iterator[str]:
        """Yield the texts of the given users, which must ascend."""
        snapshot = self.snapshot
        titles = snapshot.items["title"].fill_null("").to_list() if self.history else []
        queries = snapshot.queries if self.searches else Queries.none(snapshot.users.height)
        for start in range(0, len(rows), ROWS_OF_A_BLOCK):
            chosen = self.users[rows[start : start + ROWS_OF_A_BLOCK]]
            yield from texts.user_texts(
                snapshot.users, chosen, titles, snapshot.histories, self.history, queries, self.template.user
            )


class RunTexts:
    """All texts that a run embeds.

    Args:
        snapshot: Snapshot of the run.
        settings: Templates and `advanced.encoder.user_text`.
        weights: Number of parameters of the encoder.
        device: Type of its device.
    """

    def __init__(self, snapshot: Snapshot, settings: Settings, weights: int, device: str) -> None:
        self.snapshot, self.settings = snapshot, settings
        self.users_with_history = np.flatnonzero(snapshot.histories.lengths > 0)
        self.reads_users = users.encodes_histories(
            settings.advanced.encoder.user_text, weights, device, len(self.users_with_history)
        )

    @cached_property
    def sample(self) -> Array:
        """Rows of the sampled users with a history, whose profiles are embedded on their own."""
        random = np.random.default_rng(self.settings.compute.seed)
        return np.sort(
            random.choice(self.users_with_history, min(PROFILES_AT_MOST, len(self.users_with_history)), replace=False)
        )

    @cached_property
    def described(self) -> Array:
        """Rows of the users whose texts are embedded."""
        everyone = np.arange(self.snapshot.users.height)
        if self.reads_users or len(np.unique(self._users(everyone, 0).digests)) <= PROFILES_COMPOSED:
            return everyone
        return np.setdiff1d(everyone, self.users_with_history)

    @cached_property
    def by_kind(self) -> dict[str, TextSource]:
        """Sources of items, users and profiles. A profile is a user's text without interactions and queries."""
        history = self.settings.advanced.text.history if self.reads_users else 0
        return {
            "items": ItemTexts(self.snapshot, self.settings.text),
            "users": self._users(self.described, history, searches=True),
            "profiles": self._users(self.sample, 0),
        }

    def _users(self, chosen: Array, history: int, searches: bool = False) -> UserTexts:
        return UserTexts(self.snapshot, chosen, history, searches, self.settings.text)
