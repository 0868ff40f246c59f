"""The ensemble of a run as an estimator: the run's own steps, on a temporary folder."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import polars as pl

from chatrec.api.estimator import Estimator
from chatrec.api.frames import as_kind, whole
from chatrec.api.similar import similar_rows
from chatrec.api.targets import target_of
from chatrec.api.text_encoder import TextEncoder, default_cache
from chatrec.config import Settings
from chatrec.config.ranking import Target
from chatrec.data.arrays import FloatArray, IntArray
from chatrec.data.dataset import Dataset
from chatrec.encoder.embed import ITEMS, USERS, take
from chatrec.errors import DataError
from chatrec.extract.dataset_files import write_dataset
from chatrec.extract.schema import ARRIVED_AT
from chatrec.models.labels import kind_of
from chatrec.pipeline.context import Context
from chatrec.pipeline.offline import KEY, perform
from chatrec.pipeline.steps import BY_NAME
from chatrec.pipeline.steps.rank import recommender_of
from chatrec.ranking import explanation
from chatrec.ranking.list_builder import ListBuilder
from chatrec.ranking.recommender import Recommender
from chatrec.runs.run import Run, key_of

TEXT_STEPS = ("encoder", "embed")
STEPS = ("groups", "aigc", "ensemble", "index")
EXTRACT, EMBED = "extract", "embed"
PLAIN = {"item_id", "groups", "available", ARRIVED_AT}

EXPLAINED = "source", "kind", "share", "item_id", "contribution"


@dataclass(frozen=True)
class Parameters:
    """Parameters of an Ensemble."""

    target: Target = "next_period"
    encoder: TextEncoder | Literal["auto", "none"] = "auto"
    minutes: float = 10

    def __post_init__(self) -> None:
        target_of(self.target)
        if self.encoder not in ("auto", "none") and not isinstance(self.encoder, TextEncoder):
            raise DataError(f'encoder is {self.encoder!r}: it must be "auto", "none" or a chatrec.TextEncoder.')

    @property
    def settings(self) -> Settings:
        """The same as settings of a run."""
        base = self.encoder.settings if isinstance(self.encoder, TextEncoder) else Settings()
        root = base.artifacts.root if isinstance(self.encoder, TextEncoder) else default_cache()
        return base.override(
            {"artifacts.root": root, "ranking.target": target_of(self.target), "aigc.minutes": self.minutes}
        )


class Ensemble(Estimator, Parameters):
    """The ensemble of a run: all models that suit the data, with weights fitted on held-out events.

    The score is the weighted sum of the models' log shares. Weights maximise the conditional logit likelihood
    (McFadden 1974) of held-out events; models without a significant gain are dropped, and the others are fitted again
    on all events. `fit` performs the steps of `chatrec run` on a temporary folder, so the lists are those of a run with
    the same data, before rules, diversity and fairness.

    Args:
        target: Events to predict: "next_item" (a user's next event), "next_period" (the events of the next
            stretch of time) or "random" (missing items, if the order of events carries no information).
        encoder: "auto" (the best encoder of this machine reads the texts of items and users), "none" (text vectors are
            not used) or a `TextEncoder`. Vectors of the dataset replace it.
        minutes: Time budget of the network of AIGC; 0 trains none.

    Attributes:
        weights_: Weight of each model in use.
        dataset_: The dataset it was fitted on; None before `fit`.

    Raises:
        DataError: The target or the encoder is not one of the above.

    Examples:
        >>> import chatrec
        >>> rows = {"user_id": [1, 1, 2, 2, 3, 3, 4], "item_id": ["tea", "cup"] * 3 + ["tea"]}
        >>> shop = chatrec.Dataset.from_frames(rows)
        >>> ensemble = chatrec.Ensemble(target="next_item", encoder="none", minutes=0).fit(shop)
        >>> ensemble.recommend(4, k=1)["item_id"].item()
        'cup'
    """

    weights_: dict[str, float]
    _run: Run
    _recommender: Recommender
    _folder: "TemporaryDirectory[str] | None" = None

    def explain(self, user: Any, item: Any, events: int = 3) -> Any:
        """Explains the rank of an item in a user's list.

        Args:
            user: Id of a user with interactions.
            item: Id of an available item that the user has not interacted with.
            events: Maximum number of contributing events per model.

        Returns:
            A frame with the columns source (the model), kind (its basis: similar users, recent events, its text
            or popularity), share (the source's share of the evidence; those of all sources sum to 1), item_id (an item
            of the history; null if the model does not sum over events) and contribution (the part of the share that is
            due to this item; null likewise), the largest share first, of the kind of the interactions.

        Raises:
            NotFitted: `fit` was not called.
            UnknownUser, UnknownItem: The dataset has no such user or item.
            DataError: The user has no interactions, or the item cannot be in the list.
        """
        dataset = self._fitted()
        (row,), (wanted,) = dataset.user_rows([user]), dataset.item_rows([item])
        history = dataset.interactions.of(row)
        if not len(history):
            raise DataError(f"User {user!r} has no interactions: the list is one of popular items, without evidence.")
        if wanted in history or not dataset.available[wanted]:
            state = "is in the history of the user" if wanted in history else "is not available"
            raise DataError(f"Item {item!r} {state} and is in no list of user {user!r}: name another item.")
        ids, rows = dataset.items["item_id"], list[tuple[Any, ...]]()
        for evidence in explanation.explain(self._recommender, int(row), int(wanted)):
            source, parts = (evidence.source, kind_of(evidence.source), evidence.share), evidence.events
            rows += [
                (*source, ids[row_of_event], part) for row_of_event, part in [*parts.items()][: whole(events, "events")]
            ]
            rows += [] if parts else [(*source, None, None)]
        kinds = dict(zip(EXPLAINED, (pl.String, pl.String, pl.Float64, ids.dtype, pl.Float64), strict=True))
        return as_kind(pl.DataFrame(rows, schema=kinds, orient="row"), dataset.kind)  # type: ignore[arg-type]

    def lists(self, rows: IntArray, k: int, exclude_seen: bool) -> tuple[IntArray, FloatArray]:
        """Implements `Estimator.lists`."""
        recommender = replace(self._recommender, top_n=k, exclude_seen=exclude_seen)
        profiles = np.load(self._run.step_folder(EMBED) / USERS, mmap_mode="r")
        width = min(k, self._fitted().items.height)
        users, positions = np.unique(rows, return_inverse=True)
        items, scores = np.full((len(users), width), -1, np.int32), np.zeros((len(users), width), np.float32)
        for part in ListBuilder(recommender, profiles, self.settings.compute.memory_mb << 20).lists(users):
            at, filled = np.searchsorted(users, part.users), part.items.shape[1]
            items[at, :filled], scores[at, :filled] = part.items, part.scores
        return items[positions], scores[positions]

    def _fit(self, dataset: Dataset) -> None:
        settings = self.settings
        folder = TemporaryDirectory(prefix="chatrec-")
        run = Run(Path(folder.name), key_of(datetime.now(UTC)), Path(folder.name))
        write_dataset(dataset, run.fresh_folder(EXTRACT))
        has_texts = any(dataset.items[name].null_count() < dataset.items.height for name in self._text_columns(dataset))
        if dataset.vectors is None and self.encoder != "none" and has_texts:
            perform([BY_NAME[name] for name in TEXT_STEPS], run, settings)
        else:
            vectors = dataset.vectors
            if vectors is None:
                vectors = np.zeros((dataset.items.height, 1), np.float32)
                settings = settings.override({"groups.count": 1})
            take(vectors, dataset.interactions, settings.text_config.history, run.fresh_folder(EMBED))
        perform([BY_NAME[name] for name in STEPS], run, settings)
        self._folder = folder
        self._open(run)

    def _open(self, run: Run) -> None:
        self._run, self._recommender = run, recommender_of(Context(run, self.settings, run.folder))
        self.weights_ = dict(self._recommender.ensemble.weights)

    def _similar(self, rows: IntArray, k: int) -> tuple[IntArray, FloatArray]:
        texts = np.load(self._run.step_folder(EMBED) / ITEMS)
        return similar_rows(self._fitted(), self._recommender.aigc.state.items, texts, rows, k)

    def write(self, folder: Path) -> None:
        """Implements `Estimator.write`."""
        for name in (EMBED, *STEPS):
            shutil.copytree(self._run.step_folder(name), folder / name)

    def read(self, folder: Path) -> None:
        """Implements `Estimator.read`."""
        self._open(Run(folder, KEY, folder))

    @staticmethod
    def _text_columns(dataset: Dataset) -> list[str]:
        return [name for name in dataset.items.columns if name not in PLAIN]
