"""All texts of a kind. They are rendered whenever they are read, a block at a time: memory need not hold them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from chatrec.encoder import texts
from chatrec.settings.language import Text
from chatrec.source.snapshot import Array, Queries, Snapshot

ROWS_OF_A_BLOCK = 20_000


class Corpus(Protocol):
    """The texts of some rows."""

    def __len__(self) -> int:
        """How many rows."""

    def read(self, rows: Array) -> Iterator[str]:
        """The texts of some rows, which ascend."""

    @property
    def digests(self) -> Array:
        """One a row, as `texts.digests` gives them."""


@dataclass(frozen=True)
class ItemTexts:
    """The texts of all items."""

    snapshot: Snapshot
    template: Text

    def __len__(self) -> int:
        return self.snapshot.item_count

    @cached_property
    def digests(self) -> Array:
        """See Corpus."""
        return texts.digests(self.read(np.arange(len(self))))

    def read(self, rows: Array) -> Iterator[str]:
        """See Corpus."""
        start = 0
        for block in self.snapshot.item_blocks(ROWS_OF_A_BLOCK):
            low, high = np.searchsorted(rows, (start, start + block.height))
            if low < high:
                yield from texts.item_texts(block[rows[low:high] - start], self.template.item)
            start += block.height


@dataclass(frozen=True)
class UserTexts:
    """The texts of some users."""

    snapshot: Snapshot
    users: Array
    history: int
    """Titles of each; 0 gives the profile alone."""
    searches: bool
    """Whether what they searched for is told."""
    template: Text

    def __len__(self) -> int:
        return len(self.users)

    @cached_property
    def digests(self) -> Array:
        """See Corpus."""
        return texts.digests(self.read(np.arange(len(self))))

    def read(self, rows: Array) -> Iterator[str]:
        """See Corpus."""
        snapshot = self.snapshot
        titles = snapshot.items["title"].fill_null("").to_list() if self.history else []
        queries = snapshot.queries if self.searches else Queries.none(snapshot.users.height)
        for start in range(0, len(rows), ROWS_OF_A_BLOCK):
            chosen = self.users[rows[start : start + ROWS_OF_A_BLOCK]]
            yield from texts.user_texts(
                snapshot.users, chosen, titles, snapshot.histories, self.history, queries, self.template.user
            )
