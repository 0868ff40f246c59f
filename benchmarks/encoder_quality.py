"""What a language model's vectors say of items that nobody took: alone, and inside the learned maps."""

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
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.texts import item_texts
from chatrec.encoder.whitening import Whitening, chosen
from chatrec.ensemble.cold_items import hide_items
from chatrec.ensemble.ensemble import NO_PENALTY
from chatrec.evaluation.holdout import Holdout
from chatrec.evaluation.metrics import Floats, Interval, paired_difference
from chatrec.extract.snapshot import Snapshot
from chatrec.features.catalogue import features_of
from chatrec.models import two_tower
from chatrec.models.base import Model
from chatrec.models.registry import fit_models, names
from chatrec.models.training_data import TrainingData
from chatrec.runtime.progress import progress

SEED = 0
KERNEL = "kernel_ridge_text"
NEIGHBOURS = 10
ROWS = 1000
"""Items whose neighbours are looked for at once."""
PAIRS = 100_000
"""Random pairs of items."""
FADE = 1.0
"""How an event fades with each after it, as for the target any."""


@dataclass(frozen=True)
class Way:
    """How a model reads."""

    model: str
    """How the row calls it."""
    source: str | Path
    pretrained: bool
    layer: int = 0
    pooling: str = "auto"
    first_token: bool = False
    dimensions: int = 0
    shrinkage: float = 0.0

    @property
    def how(self) -> str:
        """For the row."""
        first = ", first token" if self.first_token else ""
        shrinkage = f", s {self.shrinkage:g}" if self.shrinkage else ""
        return f"{f'layer {self.layer}' if self.layer else 'default layer'}, {self.pooling}{first}{shrinkage}"


class Catalogue:
    """The items of a split, and those of them that are hidden to measure readings."""

    def __init__(self, snapshot: Snapshot, settings: Settings, cache: Path) -> None:
        self.snapshot, self.settings, self.cache = snapshot, settings, cache
        self.events = Events.of(snapshot)
        self.features = features_of(snapshot.items)
        self.hidden = hide_items(snapshot.histories, self.events.items, SEED)
        self.is_hidden = self.hidden.recommendable

    @cached_property
    def texts(self) -> list[str]:
        """What the models read."""
        return item_texts(self.snapshot.items, self.settings.text.item)

    @cached_property
    def taken_together(self) -> Array:
        """The NEIGHBOURS nearest of each known item by who took them: known × NEIGHBOURS."""
        users, items = self.snapshot.histories.distinct(self.events.items)
        taken = csr_matrix((np.ones(len(users), np.float32), (items, users)))[self._known]
        lengths = np.sqrt(np.maximum(np.asarray(taken.sum(1)).ravel(), 1))
        unit = csr_matrix(taken.multiply(1 / lengths[:, None]))
        return _nearest(lambda part: np.asarray((unit[part] @ unit.T).todense()), len(self._known))

    @cached_property
    def _known(self) -> Array:
        return np.unique(self.snapshot.histories.items)

    def vectors(self, way: Way) -> Array:
        """Whitened, of unit length: items × dimensions."""
        raw = self._raw(way)
        how = self.settings.encoder_config.model_copy(update={"dimensions": way.dimensions, "shrinkage": way.shrinkage})
        return Whitening.fit([raw], raw.shape[1], *chosen(how, way.pretrained))(raw)

    def _raw(self, way: Way) -> Array:
        how = {"layer": way.layer, "pooling": way.pooling, "first_token": way.first_token}
        wanted = self.settings.encoder_config.model_copy(update=how)
        checkpoint = load(way.source, wanted, way.pretrained)
        file = self.cache / f"{checkpoint.fingerprint}-{len(self.texts)}.npy"
        if not file.exists():
            with progress(f"Reading with {way.model}", len(self.texts), "texts") as shown:
                np.save(file, encode_all(checkpoint, self.texts, shown, EncodingCost()))
        found: Array = np.load(file)
        return found

    def neighbours(self, vectors: Array) -> float:
        """The share of those taken together that are also among the nearest by text."""
        own = vectors[self._known]
        near = _nearest(lambda part: own[part] @ own.T, len(own))
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(near, self.taken_together, strict=True)]))

    def map(self, vectors: Array, holdout: Holdout | None = None, seed: int = SEED) -> Model:
        """The learned map of this catalogue, the kernel if it is small enough for that.

        Args:
            vectors: items × dimensions; of no dimension for features alone.
            holdout: taken out of what it is fitted on.
            seed: of a tower.
        """
        histories = holdout.histories if holdout else self.snapshot.histories
        known = TrainingData(histories, self.events.items, vectors, seed, self.features)
        if self.has_kernel:
            return fit_models(known, "random", NO_PENALTY, {KERNEL})[KERNEL]
        return two_tower.fit_one(known, two_tower.Config(decay=FADE))

    @cached_property
    def has_kernel(self) -> bool:
        """Whether the map is the kernel."""
        known = TrainingData(self.snapshot.histories, self.events.items, self.nothing, SEED, self.features)
        return KERNEL in names(known, "random")

    @property
    def nothing(self) -> Array:
        """Vectors of no dimension."""
        return np.empty((self.events.items, 0), np.float32)

    def among_hidden(self, vectors: Array, seed: int = SEED) -> Floats:
        """NDCG@10 of each user among the hidden items."""
        return self.hidden.ndcg(self.map(vectors, self.hidden, seed).score)

    def write(self, model: Model, out: Path) -> None:
        """Everybody's list of the split's candidates."""
        self.events.write(self.events.lists(model.score), out)


def mean_cosine(vectors: Array) -> float:
    """Of random pairs of different items."""
    random = np.random.default_rng(SEED)
    left, right = random.integers(0, len(vectors), (2, PAIRS))
    apart = left != right
    return float((vectors[left[apart]] * vectors[right[apart]]).sum(1).mean())


def gain(with_it: Floats, without: Floats) -> Interval:
    """By how much NDCG@10 is better, with its interval by a paired bootstrap."""
    return paired_difference(with_it, without, SEED)


def ways(found: Sequence[Way], pretrained: str) -> Iterator[Way]:
    """The other ways to read the model that is named."""
    for way in found:
        if way.model != pretrained:
            continue
        yield replace(way, pooling="mean")
        yield replace(way, pooling="mean", first_token=True)
        yield replace(way, pooling="weighted")
        yield replace(way, pooling="last")
        yield replace(way, shrinkage=0.1)
        yield replace(way, dimensions=512)
        for layer in _layers(way.source):
            yield replace(way, layer=layer)


def _layers(source: str | Path) -> list[int]:
    from transformers import AutoConfig

    from chatrec.encoder.checkpoint import source_arguments

    layers = int(AutoConfig.from_pretrained(**source_arguments(source)).num_hidden_layers)
    return sorted({max(layers // 4, 1), max(layers // 2, 1), layers})


def _nearest(similar: Callable[[slice], Array], count: int) -> Array:
    """The NEIGHBOURS most similar to each, itself left out: count × NEIGHBOURS."""
    found = np.empty((count, min(NEIGHBOURS, count - 1)), np.int64)
    for start in range(0, count, ROWS):
        part = slice(start, min(start + ROWS, count))
        scores = similar(part)
        scores[np.arange(len(scores)), np.arange(part.start, part.stop)] = -np.inf
        found[part] = top_k(scores, found.shape[1])
    return found
