"""Quality of text vectors for cold items: alone, and as inputs of the text models."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.data import Events
from chatrec.config import Settings
from chatrec.data.arrays import Array, top_k
from chatrec.encoder.checkpoint import load
from chatrec.encoder.encode import encode_all
from chatrec.encoder.model_selection import CATALOGUE, PRETRAINED
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.texts import item_texts
from chatrec.encoder.whitening import Whitening, chosen
from chatrec.ensemble.cold_items import hide_items
from chatrec.evaluation.holdout import Holdout
from chatrec.evaluation.metrics import Floats, Interval, paired_difference
from chatrec.extract.snapshot import Snapshot
from chatrec.features.catalogue import features_of
from chatrec.models import two_tower
from chatrec.models.base import Model
from chatrec.models.entry import Case
from chatrec.models.registry import fit_models, names
from chatrec.models.training_data import TrainingData
from chatrec.runtime.progress import progress

SEED = 0
KERNEL = "kernel_ridge_text"
NEIGHBOURS = 10
ROWS = 1000
"""Items per block of a neighbour search."""
PAIRS = 100_000
"""Number of random pairs of items."""
DECAY = 1.0
"""Decay of events, as for the target random."""


@dataclass(frozen=True)
class Pooled:
    """A model and its pooling config."""

    model: str
    """Name of the model in the table."""
    source: str | Path
    pretrained: bool
    layer: int = 0
    pooling: str = "auto"
    first_token: bool = False
    dimensions: int = 0
    shrinkage: float = 0.0

    @property
    def how(self) -> str:
        """Label of the pooling config in the table."""
        first = ", first token" if self.first_token else ""
        shrinkage = f", s {self.shrinkage:g}" if self.shrinkage else ""
        return f"{f'layer {self.layer}' if self.layer else 'default layer'}, {self.pooling}{first}{shrinkage}"


class Catalogue:
    """Items of a split, some of which are hidden from the models to measure vectors."""

    def __init__(self, snapshot: Snapshot, settings: Settings, cache: Path) -> None:
        self.snapshot, self.settings, self.cache = snapshot, settings, cache
        self.events = Events.of(snapshot)
        self.features = features_of(snapshot.items)
        self.hidden = hide_items(snapshot.histories, self.events.items, SEED)
        self.is_hidden = self.hidden.recommendable

    @cached_property
    def texts(self) -> list[str]:
        """Texts of items."""
        return item_texts(self.snapshot.items, self.settings.text.item)

    @cached_property
    def co_occurring(self) -> Array:
        """Nearest warm items of each warm item by cosine of their users, warm items × NEIGHBOURS."""
        users, items = self.snapshot.histories.distinct(self.events.items)
        users_of_items = csr_matrix((np.ones(len(users), np.float32), (items, users)))[self._warm_items]
        lengths = np.sqrt(np.maximum(np.asarray(users_of_items.sum(1)).ravel(), 1))
        unit = csr_matrix(users_of_items.multiply(1 / lengths[:, None]))
        return _nearest(lambda part: np.asarray((unit[part] @ unit.T).todense()), len(self._warm_items))

    @cached_property
    def _warm_items(self) -> Array:
        return np.unique(self.snapshot.histories.items)

    def vectors(self, pooled: Pooled) -> Array:
        """Returns whitened text vectors, items × dimensions, of unit length."""
        raw = self._raw(pooled)
        how = self.settings.encoder_config.model_copy(
            update={"dimensions": pooled.dimensions, "shrinkage": pooled.shrinkage}
        )
        return Whitening.fit([raw], raw.shape[1], *chosen(how, PRETRAINED if pooled.pretrained else CATALOGUE))(raw)

    def _raw(self, pooled: Pooled) -> Array:
        how = {"layer": pooled.layer, "pooling": pooled.pooling, "first_token": pooled.first_token}
        wanted = self.settings.encoder_config.model_copy(update=how)
        checkpoint = load(pooled.source, wanted, pooled.pretrained)
        file = self.cache / f"{checkpoint.fingerprint}-{len(self.texts)}.npy"
        if not file.exists():
            with progress(f"Encoding with {pooled.model}", len(self.texts), "texts") as shown:
                np.save(file, encode_all(checkpoint, self.texts, shown, EncodingCost()))
        vectors: Array = np.load(file)
        return vectors

    def neighbours(self, vectors: Array) -> float:
        """Returns the share of nearest items by users that are nearest by text too."""
        own = vectors[self._warm_items]
        near = _nearest(lambda part: own[part] @ own.T, len(own))
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(near, self.co_occurring, strict=True)]))

    def text_model(self, vectors: Array, holdout: Holdout | None = None, seed: int = SEED) -> Model:
        """Returns the fitted text model of this catalogue: kernel ridge if it is small enough, else two towers.

        Args:
            vectors: Text vectors, items × dimensions; of width 0 for features alone.
            holdout: Held-out events, omitted from training.
            seed: Seed of the two towers.
        """
        histories = holdout.histories if holdout else self.snapshot.histories
        data = TrainingData(histories, self.events.items, vectors, seed, self.features)
        if self.has_kernel:
            return fit_models(Case(data, "random"), {KERNEL})[KERNEL]
        return two_tower.fit_one(data, two_tower.Config(decay=DECAY))

    @cached_property
    def has_kernel(self) -> bool:
        """Whether the text model is kernel ridge."""
        data = TrainingData(self.snapshot.histories, self.events.items, self.no_vectors, SEED, self.features)
        return KERNEL in names(Case(data, "random"))

    @property
    def no_vectors(self) -> Array:
        """Text vectors of width 0."""
        return np.empty((self.events.items, 0), np.float32)

    def among_hidden(self, vectors: Array, seed: int = SEED) -> Floats:
        """Returns NDCG@10 of each user among the hidden items."""
        return self.hidden.ndcg(self.text_model(vectors, self.hidden, seed).score)

    def write(self, model: Model, out: Path) -> None:
        """Writes the lists of all users over the candidates of the split."""
        self.events.write(self.events.lists(model.score), out)


def mean_cosine(vectors: Array) -> float:
    """Returns the mean cosine of random pairs of different items."""
    random = np.random.default_rng(SEED)
    left, right = random.integers(0, len(vectors), (2, PAIRS))
    differ = left != right
    return float((vectors[left[differ]] * vectors[right[differ]]).sum(1).mean())


def gain(with_it: Floats, without: Floats) -> Interval:
    """Returns the gain in NDCG@10, with its interval by a paired bootstrap."""
    return paired_difference(with_it, without, SEED)


def variants(models: Sequence[Pooled], pretrained: str) -> Iterator[Pooled]:
    """Yields the other pooling configs of a model.

    Args:
        models: Models with their default pooling config.
        pretrained: Name of the model.
    """
    for pooled in models:
        if pooled.model != pretrained:
            continue
        yield replace(pooled, pooling="mean")
        yield replace(pooled, pooling="mean", first_token=True)
        yield replace(pooled, pooling="weighted")
        yield replace(pooled, pooling="last")
        yield replace(pooled, shrinkage=0.1)
        yield replace(pooled, dimensions=512)
        for layer in _layers(pooled.source):
            yield replace(pooled, layer=layer)


def _layers(source: str | Path) -> list[int]:
    from transformers import AutoConfig

    from chatrec.encoder.checkpoint import source_arguments

    layers = int(AutoConfig.from_pretrained(**source_arguments(source)).num_hidden_layers)
    return sorted({max(layers // 4, 1), max(layers // 2, 1), layers})


def _nearest(similar: Callable[[slice], Array], count: int) -> Array:
    """Returns the NEIGHBOURS most similar rows of each row, without the row itself: count × NEIGHBOURS."""
    nearest = np.empty((count, min(NEIGHBOURS, count - 1)), np.int64)
    for start in range(0, count, ROWS):
        part = slice(start, min(start + ROWS, count))
        scores = similar(part)
        scores[np.arange(len(scores)), np.arange(part.start, part.stop)] = -np.inf
        nearest[part] = top_k(scores, nearest.shape[1])
    return nearest
