"""AIGC as a public model of its own."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np

from chatrec.aigc.aigc import AigcModel, Texts, fit
from chatrec.aigc.groups import make_groups
from chatrec.aigc.state import AigcState
from chatrec.api.scored import NAME, ScoredEstimator
from chatrec.api.similar import similar_rows
from chatrec.api.targets import target_of
from chatrec.api.text_encoder import default_cache
from chatrec.config import Settings
from chatrec.config.ranking import Target
from chatrec.data.arrays import Array, FloatArray, IntArray
from chatrec.data.dataset import Dataset
from chatrec.errors import DataError
from chatrec.evaluation.holdout import hold_out
from chatrec.models.base import Model


@dataclass(frozen=True)
class Parameters:
    """Parameters of AIGC."""

    target: Target = "next_period"
    users: Literal["sequence", "mean"] = "sequence"
    width: int = 0
    epochs: int = 0
    networks: int = 0
    minutes: float = 10

    def __post_init__(self) -> None:
        target_of(self.target)

    @property
    def settings(self) -> Settings:
        """The same as settings of a run."""
        chosen = {f"aigc.{name}": getattr(self, name) for name in ("users", "minutes")}
        chosen |= {f"advanced.aigc.{name}": getattr(self, name) for name in ("width", "epochs", "networks")}
        chosen["advanced.aigc.min_events"] = 0
        root = {"artifacts.root": default_cache()}
        return Settings().override({**chosen, **root, "ranking.target": target_of(self.target)})


class AIGC(ScoredEstimator, Parameters):
    """Attention-based item-to-group collaborative filtering: softmax over items of a user's and an item's vector.

    A small GPT-2 reads the history in order (SASRec: Kang and McAuley 2018, arXiv:1808.09781), or the user is the mean
    of the items (users="mean"). Scores are log-probabilities, up to a constant per user. As in a run, the network
    is trained without the held-out events of the target first, and then on all events.

    Args:
        target: Events that a list should predict: "next_item", "next_period" or "random" (missing items).
        users: "sequence" or "mean".
        width: Length of the vectors; 0 chooses by the number of interactions.
        epochs: Maximum number of epochs; 0 chooses.
        networks: Number of networks whose logits are averaged; 0 chooses.
        minutes: Time budget; with 0 no network is trained, and item vectors are PPMI-SVD factors (Levy and Goldberg
            2014).

    Raises:
        DataError: The target is not one of the above.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["tea"]})
        >>> chatrec.models.AIGC("next_item", minutes=0).fit(shop).recommend(3, k=1)["item_id"].item()
        'cup'
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        settings, histories, vectors = self.settings, dataset.interactions, _vectors(dataset)
        seed = settings.compute.seed
        if dataset.vectors is None:
            settings = settings.override({"groups.count": 1})
        held = hold_out(histories, dataset.available, True, settings.ranking.target, seed)
        groups = make_groups(dataset.items, vectors, settings.groups, seed)
        texts = Texts(vectors, vectors[:0], np.empty(0, np.int64))
        with TemporaryDirectory(prefix="chatrec-") as folder:
            fit(histories, held, texts, groups, settings, Path(folder))
            return AigcModel(AigcState.load(Path(folder)))

    def _refuse(self, dataset: Dataset) -> None:
        if self.users == "mean" and dataset.vectors is None:
            raise DataError('AIGC(users="mean") reads text vectors and the dataset has none: see Dataset.with_vectors.')

    def _similar(self, rows: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        assert isinstance(self.model_, AigcModel)
        dataset = self._fitted()
        return similar_rows(dataset, self.model_.state.items, _vectors(dataset), rows, k)

    def write(self, folder: Path) -> None:
        """Implements `Estimator.write`."""
        assert isinstance(self.model_, AigcModel)
        self.model_.state.save(folder / NAME)

    def read(self, folder: Path) -> None:
        """Implements `Estimator.read`."""
        self.model_ = AigcModel(AigcState.load(folder / NAME))


def _vectors(dataset: Dataset) -> Array:
    """Text vectors of the items, zeros without any."""
    return np.zeros((dataset.items.height, 1), np.float32) if dataset.vectors is None else dataset.vectors
