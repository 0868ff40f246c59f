"""Methods that all public models share: fit, recommend, similar_items, save.

The parameters of an estimator are the fields of a frozen dataclass that it extends, such as the `Config` of a model:
there they have their defaults, and `fit` passes the estimator itself as the config.
"""

import warnings
from abc import ABC, abstractmethod
from dataclasses import fields
from pathlib import Path
from typing import Any, Self

import numpy as np

from chatrec.api.frames import as_kind, lists_frame, warn_of_short, whole
from chatrec.config.run import Compute
from chatrec.data.arrays import FloatArray, IntArray
from chatrec.data.dataset import Dataset
from chatrec.errors import DataError, NoHistory, NotFitted

SEED = Compute().seed
"""Seed of all random numbers: the same data give the same lists."""


class Estimator(ABC):
    """A model that is fitted on a `Dataset`.

    Attributes:
        dataset_: The dataset it was fitted on; None before `fit`.
    """

    dataset_: Dataset | None = None

    def fit(self, dataset: Dataset) -> Self:
        """Fits the model.

        Args:
            dataset: Interactions, items and users.

        Returns:
            The model itself.

        Raises:
            DataError: The data do not suit the model; the message says why, and what to do.
        """
        if not isinstance(dataset, Dataset):
            raise DataError(
                f"fit was given a {type(dataset).__name__}: make a dataset first, by "
                "chatrec.Dataset.from_frames(interactions)."
            )
        self._fit(dataset)
        self.dataset_ = dataset
        return self

    def recommend(self, users: Any = None, k: int = 10, exclude_seen: bool = True) -> Any:
        """Recommends items to users.

        Users without interactions get a fallback list of popular items, and the warning `chatrec.NoHistory` says how
        many. If fewer than k items are available and unseen, the list has those, and the warning `chatrec.ShortLists`
        says how many lists are short.

        Args:
            users: One id or several, in the order of the result; None for all users of the dataset.
            k: Length of a list.
            exclude_seen: Leave out items that a user has interacted with.

        Returns:
            A frame with the columns user_id, rank (from 1), item_id and score (float32; higher is better, comparable
            within a list only), ordered by user and rank. It is of the kind of the interactions: pandas, Arrow or
            polars.

        Raises:
            NotFitted: `fit` was not called.
            UnknownUser: The dataset has no user of an id.
            DataError: k is not a positive whole number.
        """
        dataset, k = self._fitted(), whole(k)
        rows = np.arange(dataset.users.height) if users is None else dataset.user_rows(users)
        items, scores = self.lists(rows, k, exclude_seen)
        empty = int((dataset.interactions.lengths[rows] == 0).sum())
        if empty:
            warnings.warn(
                f"{empty:,} of {len(rows):,} users have no interactions: their lists are a fallback of popular items.",
                NoHistory,
                stacklevel=2,
            )
        warn_of_short(items, k, "users")
        owners, members = ("user_id", dataset.users["user_id"].gather(rows)), ("item_id", dataset.items["item_id"])
        return as_kind(lists_frame(owners, members, items, scores), dataset.kind)

    def similar_items(self, items: Any = None, k: int = 10) -> Any:
        """Finds the items most similar to some items.

        Args:
            items: One id or several, in the order of the result; None for all items of the dataset.
            k: Number of similar items.

        Returns:
            A frame with the columns item_id, rank (from 1), similar_item_id and score (float32), of the kind of the
            interactions. Items without interactions and texts are left out; the warning `chatrec.ShortLists` says so.

        Raises:
            NotFitted: `fit` was not called.
            UnknownItem: The dataset has no item of an id.
            DataError: k is not a positive whole number.
        """
        dataset, k = self._fitted(), whole(k)
        rows = np.arange(dataset.items.height) if items is None else dataset.item_rows(items)
        similar, scores = self._similar(rows, k)
        warn_of_short(similar, k, "items")
        ids = dataset.items["item_id"]
        owners, members = ("item_id", ids.gather(rows)), ("similar_item_id", ids)
        return as_kind(lists_frame(owners, members, similar, scores), dataset.kind)

    def save(self, path: str | Path) -> None:
        """Writes the model and its dataset into a folder, which `chatrec.load` reads.

        Args:
            path: Folder to create. A model that was saved there before is replaced.

        Raises:
            NotFitted: `fit` was not called.
            DataError: The path is a file, or a folder with other files.
        """
        from chatrec.api.storage import save

        self._fitted()
        save(self, Path(path))

    def clone(self) -> Self:
        """Returns an unfitted model with the same parameters."""
        return type(self)(**self.parameters())

    def parameters(self) -> dict[str, Any]:
        """Returns the parameters by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @abstractmethod
    def lists(self, rows: IntArray, k: int, exclude_seen: bool) -> tuple[IntArray, FloatArray]:
        """Makes lists of rows instead of ids.

        Args:
            rows: Rows of users in `dataset_.users`.
            k: Length of a list.
            exclude_seen: Leave out items that a user has interacted with.

        Returns:
            Rows of items and scores, users × slots, the best first; -1 where a list ends.
        """

    @abstractmethod
    def _fit(self, dataset: Dataset) -> None:
        """Fits without remembering the dataset."""

    @abstractmethod
    def _similar(self, rows: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        """Rows of the most similar items and scores, items × slots; -1 where a list ends."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Writes the fitted model into a folder that has its dataset in `extract/`."""

    @abstractmethod
    def read(self, folder: Path) -> None:
        """Reads a model written by `write`."""

    def _fitted(self) -> Dataset:
        if self.dataset_ is None:
            name = type(self).__name__
            raise NotFitted(f"This {name} is not fitted: call `.fit(dataset)` first, or load a saved one.")
        return self.dataset_
