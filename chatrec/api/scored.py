"""Estimators whose lists are ordered by the scores of one model of `chatrec.models`."""

from abc import abstractmethod
from pathlib import Path

import numpy as np

from chatrec.api.estimator import SEED, Estimator
from chatrec.data.arrays import FloatArray, IntArray
from chatrec.data.dataset import Dataset
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch, batches
from chatrec.errors import DataError
from chatrec.features.catalogue import Features, features_of
from chatrec.models import popularity
from chatrec.models.base import Model
from chatrec.models.serialization import load_models, save_models
from chatrec.models.training_data import TrainingData

CELLS_AT_ONCE = 4_000_000
NAME = "model"
NO_FEATURES = Features()


class ScoredEstimator(Estimator):
    """An estimator over one model.

    Attributes:
        model_: The fitted model, a `chatrec.models.base.Model`.
        dataset_: The dataset it was fitted on; None before `fit`.
    """

    model_: Model

    @abstractmethod
    def fit_model(self, dataset: Dataset) -> Model:
        """Fits the model, with the estimator as its config."""

    def lists(self, rows: IntArray, k: int, exclude_seen: bool) -> tuple[IntArray, FloatArray]:
        """Implements `Estimator.lists`."""
        dataset = self._fitted()
        histories = dataset.interactions
        width = min(k, dataset.items.height)
        items, scores = np.full((len(rows), width), -1, np.int32), np.zeros((len(rows), width), np.float32)
        with_history = histories.lengths[rows] > 0
        groups = [(np.flatnonzero(with_history), self.model_)]
        if not with_history.all():
            groups.append((np.flatnonzero(~with_history), popularity.fit(training_data(dataset))))
        for positions, model in groups:
            size = max(1, CELLS_AT_ONCE // dataset.items.height)
            parts = batches(histories, rows[positions], dataset.available, exclude_seen, size)
            for start, batch in zip(range(0, len(positions), size), parts, strict=True):
                part = positions[start : start + size]
                items[part], scores[part] = batch.best(model.score(batch), k)
        return items, scores

    def _fit(self, dataset: Dataset) -> None:
        self._refuse(dataset)
        self.model_ = self.fit_model(dataset)

    def _refuse(self, dataset: Dataset) -> None:
        """Raises DataError for data that the model cannot be fitted on."""

    def _similar(self, rows: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        """The list of a user whose history is the item alone."""
        dataset, count = self._fitted(), len(rows)
        events = rows.astype(np.int32), np.ones(count, np.float32), np.zeros(count, np.int64)
        alone = Interactions(np.arange(count + 1), *events)
        size = max(1, CELLS_AT_ONCE // dataset.items.height)
        parts = batches(alone, np.arange(count), dataset.available, True, size)
        width = min(k, dataset.items.height)
        nothing = np.empty((0, width), np.int32), np.empty((0, width), np.float32)
        items, scores = zip(nothing, *(self._known(batch, k) for batch in parts), strict=True)
        return np.concatenate(items), np.concatenate(scores)

    def _known(self, batch: UserBatch, k: int) -> tuple[IntArray, FloatArray]:
        """Lists without items that the model has no evidence for."""
        items, scores = batch.best(self.model_.score(batch), k)
        return items if self.model_.log_probabilities else np.where(scores > 0, items, -1), scores

    def write(self, folder: Path) -> None:
        """Implements `Estimator.write`."""
        (folder / NAME).mkdir()
        save_models({NAME: self.model_}, folder / NAME)

    def read(self, folder: Path) -> None:
        """Implements `Estimator.read`. Arrays are mapped from the files, not copied."""
        self.model_ = load_models(folder / NAME)[NAME]


def training_data(dataset: Dataset, features: Features = NO_FEATURES) -> TrainingData:
    """Returns the training data of models, in the form of a run."""
    count = dataset.items.height
    vectors = np.empty((count, 0), np.float32) if dataset.vectors is None else dataset.vectors
    return TrainingData(dataset.interactions, count, vectors, SEED, features)


def refuse_large(estimator: object, size: int, most: int, what: str, parameter: str) -> None:
    """Refuses a dataset above the size up to which a run fits a model."""
    if size > most:
        raise DataError(
            f"{type(estimator).__name__} is limited to {most:,} {what} and the dataset has {size:,}: raise {parameter} "
            "if memory and time allow, or take another model."
        )


def training_data_with_features(estimator: object, dataset: Dataset) -> TrainingData:
    """Returns the training data with the features of items, and refuses items without distinguishing texts."""
    features = features_of(dataset.items)
    if not features.kinds:
        raise DataError(
            f"{type(estimator).__name__} compares the texts of items, and these have none in common: pass items= with "
            "title, groups or further columns to Dataset.from_frames."
        )
    return training_data(dataset, features)
