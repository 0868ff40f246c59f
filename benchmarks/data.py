"""Reads events from CSV files as histories, and writes lists as the CSV file that evalkit scores."""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from chatrec.data.arrays import Array, top_k
from chatrec.data.interactions import Interactions, starts_of, tie_order
from chatrec.data.user_batch import UserBatch, batches
from chatrec.evaluation.holdout import CELLS_OF_A_BLOCK
from chatrec.extract.snapshot import Snapshot
from chatrec.models.training_data import TrainingData

K = 20
"""Length of lists; the first 10 items are scored."""
Lists = Iterator[tuple[Array, Array]]
"""Users, and their lists: users × slots, rows of items, padded with -1."""


@dataclass(frozen=True)
class Events:
    """Histories of users, with the ids of users and items."""

    histories: Interactions
    user_ids: list[str]
    item_ids: list[str]
    recommendable: Array
    """Whether each item may be recommended, bool."""

    @classmethod
    def of(cls, snapshot: Snapshot) -> Self:
        """Returns the events of a run's snapshot."""
        ids = snapshot.users["user_id"].to_list(), snapshot.items["item_id"].to_list()
        return cls(snapshot.histories, *ids, snapshot.items["available"].to_numpy())

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.item_ids)

    @property
    def training_data(self) -> TrainingData:
        """Training data of models without texts."""
        return training_data(self.histories, np.empty((self.items, 0), np.float32))

    def batches(self) -> Iterator[UserBatch]:
        """Yields batches of the users with a history, of bounded users × items."""
        users = np.flatnonzero(self.histories.lengths)
        size = max(1, CELLS_OF_A_BLOCK // max(self.items, 1))
        return batches(self.histories, users, self.recommendable, True, size)

    def lists(self, score: Callable[[UserBatch], Array]) -> Lists:
        """Yields the lists of all users with a history.

        Args:
            score: Function that returns scores, users × items; higher is better.
        """
        for batch in self.batches():
            scores = np.where(batch.exclude_mask, -np.inf, score(batch))
            yield batch.users, top_k(scores, K)

    def write(self, lists: Lists, out: Path) -> None:
        """Writes lists to a file."""
        with ListsFile(out, self.user_ids, self.item_ids) as file:
            for users, items in lists:
                file.add(users, items)


class ListsFile:
    """File of lists: gzipped CSV with user_id, rank and item_id.

    Args:
        out: Path of the file.
        user_ids: Id of each user row.
        item_ids: Id of each item row.
    """

    def __init__(self, out: Path, user_ids: Sequence[str], item_ids: Sequence[str]) -> None:
        self.user_ids, self.item_ids = user_ids, item_ids
        self._file = gzip.open(out, "wt", encoding="utf-8", newline="", compresslevel=1)  # noqa: SIM115
        self._writer = csv.writer(self._file)
        self._writer.writerow(("user_id", "rank", "item_id"))

    def add(self, users: Array, lists: Array) -> None:
        """Writes the lists of users: users × slots, rows of items, padded with -1."""
        for user, row in zip(users.tolist(), lists.tolist(), strict=True):
            own = (self.item_ids[item] for item in row if item >= 0)
            self._writer.writerows((self.user_ids[user], rank, item) for rank, item in enumerate(own, 1))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()


def training_data(histories: Interactions, texts: Array) -> TrainingData:
    """Returns the training data for histories and text vectors, items × dimensions."""
    return TrainingData(histories, len(texts), texts, 0)


def read_split(split: Path) -> Events:
    """Reads the train set and the candidates of a split."""
    candidates = pl.read_csv(split / "candidates.csv.gz", infer_schema=False)["item_id"]
    return read_events(split / "train.csv.gz", candidates)


def read_events(file: Path, candidates: pl.Series | None = None) -> Events:
    """Reads events in the order of time; a user's events at one time are in an order of the user's own.

    Args:
        file: Gzipped CSV with user_id, item_id and ts.
        candidates: Ids of the items that may be recommended; None for all items of the file.
    """
    events = pl.read_csv(file, infer_schema=False, columns=["user_id", "item_id", "ts"])
    users = events["user_id"].unique().sort()
    ids = events["item_id"] if candidates is None else pl.concat([events["item_id"], candidates])
    items = ids.unique().sort()
    numbered = events.with_columns(
        user=pl.col("user_id").cast(pl.Enum(users)).to_physical(),
        item=pl.col("item_id").cast(pl.Enum(items)).to_physical(),
        time=(pl.col("ts").cast(pl.Float64) * 1_000_000).cast(pl.Int64),
    )
    ties = pl.Series("tie", tie_order(numbered["user"].to_numpy(), numbered["item"].to_numpy()))
    ordered = numbered.with_columns(ties).sort("user", "time", "tie")
    histories = Interactions(
        starts_of(ordered["user"].to_numpy(), len(users)),
        ordered["item"].to_numpy().astype(np.int32),
        np.ones(len(ordered), np.float32),
        ordered["time"].to_numpy(),
    )
    recommendable = np.ones(len(items), bool) if candidates is None else items.is_in(candidates.implode()).to_numpy()
    return Events(histories, users.to_list(), items.to_list(), recommendable)
