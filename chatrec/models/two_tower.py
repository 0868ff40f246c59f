"""Linear two-tower model of texts, for sparse data and catalogues of any size.

v_i = unit(φ_i W + E_i D) and b_i = φ_i w + E_i d are computed from an item's features φ and its text vector E, for cold
items too. The user vector is u = Σ h_j / √n with h_j = v_j + e_j, e_j a free embedding; the score is e^t u·v_i + b_i.
Training predicts some events of each user from the others, by a softmax over the targets of the batch and sampled
items.

Two towers: Yi et al. 2019, "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations"; sampled
softmax: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import VectorModel, decaying
from chatrec.models.training_data import TrainingData
from chatrec.runtime.progress import progress
from chatrec.runtime.schedule import warm_linear

ITEMS_AT_ONCE = 50_000
EPSILON = 1e-9


@dataclass(frozen=True)
class Config:
    """Inputs and training of the model."""

    reads_texts: bool = True
    """Whether text vectors are used beside features."""
    decay: float = 1.0
    """Factor on the weight of an event for each later event."""
    towers: int = 1
    """Number of models trained from different seeds; the score is their mean."""
    width: int = 128
    """Dimensions of the vectors."""
    batch_users: int = 512
    max_steps: int = 600
    """Largest number of batches."""
    max_epochs: int = 30
    """Largest number of epochs."""
    batch_events: int = 60
    """Largest number of events per user in a batch, sampled at random."""
    target_share: float = 0.3
    """Share of these events that is predicted."""
    sampled_items: int = 2_000
    """Number of sampled items per batch."""
    learning_rate: float = 2e-3
    warm_up: float = 1 / 12
    """Share of the steps in which the learning rate rises."""
    last_rate: float = 0.1
    """Last learning rate, as a share of the largest."""
    dropout: float = 0.2
    l2: float = 1e-4
    """Penalty on the free embeddings e."""
    first_sharpness: float = 10.0
    """Initial value of e^t."""


DEFAULT = Config()


@dataclass(frozen=True)
class TwoTower(VectorModel):
    """Vectors of all items. The score is log P(i|u) up to a constant per user."""

    items: Array
    """e^t v and b, items × (width + 1)."""
    event_vectors: Array
    """h, items × width: contribution of an event to the user vector."""
    decay: float = 1.0
    """Factor on the weight of an event for each later event."""

    log_probabilities = True

    @property
    def keys(self) -> Array:
        """Item vectors e^t v, with b as the last column."""
        return self.items

    def queries(self, batch: UserBatch) -> Array:
        """Returns u, with 1 as the last column."""
        weights = batch.weighted(decaying(self.decay))
        length = np.sqrt(np.asarray(weights.power(2).sum(1)))
        users = np.asarray(weights @ self.event_vectors) / np.maximum(length, EPSILON)
        return np.hstack([users, np.ones((len(users), 1))]).astype(np.float32)

    def contributions(self, latest: Array, ages: Array, items: Array) -> Array:
        """Returns the inner products of event vectors and item vectors, without the common factor 1/√n."""
        products = np.einsum("upd,ued->upe", self.items[items][:, :, :-1], self.event_vectors[latest])
        return np.where(latest[:, None, :] >= 0, products * decaying(self.decay)(ages)[:, None, :], 0)


class _Trainable(nn.Module):
    """Trainable weights."""

    def __init__(self, items: int, features: int, dimensions: int, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.feature_weights = nn.Parameter(torch.randn(features, width + 1) / width**0.5)
        self.text_weights = nn.Parameter(torch.randn(dimensions, width + 1) / width**0.5)
        self.free = nn.Parameter(torch.zeros(items, width))
        self.sharpness = nn.Parameter(torch.tensor(config.first_sharpness).log())
        with torch.no_grad():
            self.feature_weights[:, -1] = self.text_weights[:, -1] = 0

    def forward(self, features: csr_matrix, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Returns v and b of some items."""
        indices, starts = (torch.from_numpy(part.astype(np.int64)) for part in (features.indices, features.indptr[:-1]))
        weights = torch.from_numpy(features.data)
        mapped = functional.embedding_bag(indices, self.feature_weights, starts, mode="sum", per_sample_weights=weights)
        mapped = mapped + vectors @ self.text_weights
        return functional.normalize(mapped[:, :-1]), mapped[:, -1]


@dataclass(frozen=True)
class _Batch:
    """Events of some users, split into inputs and targets."""

    input_users: Array
    inputs: Array
    users: Array
    targets: Array
    candidates: Array
    """Items of the softmax, in ascending order."""

    @classmethod
    def draw(
        cls, histories: Interactions, users: Array, warm_items: Array, config: Config, random: np.random.Generator
    ) -> Self:
        rows, events = histories.positions(users)
        within, items = events - histories.starts[users][rows], histories.items[events]
        order = np.lexsort((random.random(len(rows)), rows))
        drawn = order[within < config.batch_events]
        rows, items = rows[drawn], items[drawn]
        target = random.random(len(rows)) < config.target_share
        left = np.bincount(rows[~target], minlength=len(users))
        predicted = target & (left[rows] > 0)
        sampled = random.choice(warm_items, min(config.sampled_items, len(warm_items)), replace=False)
        candidates = np.union1d(items[predicted], sampled)
        return cls(rows[~target], items[~target], rows[predicted], items[predicted], candidates)

    def loss(self, model: _Trainable, features: csr_matrix, vectors: Tensor, random: np.random.Generator) -> Tensor:
        dropout, items = model.config.dropout, np.union1d(self.candidates, self.inputs)
        kept = features[items]
        kept.data = (kept.data * (random.random(kept.nnz) >= dropout) / (1 - dropout)).astype(np.float32)
        rows = torch.from_numpy(items)
        own, bias = model(kept, functional.dropout(vectors[rows], dropout))
        free = model.free[rows]
        count = int(max(self.input_users.max(), self.users.max())) + 1
        positions = torch.from_numpy(np.searchsorted(items, self.inputs))
        lengths = np.maximum(np.bincount(self.input_users, minlength=count), 1).astype(np.float32)
        sums = torch.zeros(count, model.config.width)
        sums = sums.index_add(0, torch.from_numpy(self.input_users), (own + free)[positions])
        candidates = torch.from_numpy(np.searchsorted(items, self.candidates))
        users = model.sharpness.exp() * sums / torch.from_numpy(np.sqrt(lengths))[:, None]
        logits = users @ own[candidates].T + bias[candidates]
        logits = logits.masked_fill(torch.from_numpy(self._input_mask(count)), -torch.inf)
        chosen = torch.from_numpy(np.searchsorted(self.candidates, self.targets))
        likelihood = functional.log_softmax(logits, 1)[torch.from_numpy(self.users), chosen].mean()
        return model.config.l2 * free.square().sum() - likelihood

    def _input_mask(self, count: int) -> Array:
        """Returns the candidates that are inputs of a user and not targets, bool, users × candidates."""
        mask = np.zeros((count, len(self.candidates)), bool)
        position = np.minimum(np.searchsorted(self.candidates, self.inputs), len(self.candidates) - 1)
        valid = self.candidates[position] == self.inputs
        mask[self.input_users[valid], position[valid]] = True
        position = np.searchsorted(self.candidates, self.targets)
        mask[self.users, position] = False
        return mask


def fit(data: TrainingData, config: Config = DEFAULT) -> TwoTower:
    """Trains `config.towers` models; seeds with and without texts differ."""
    first = data.seed + config.reads_texts
    return joined([fit_one(replace(data, seed=first + number), config) for number in range(config.towers)])


def fit_one(data: TrainingData, config: Config) -> TwoTower:
    """Trains one model."""
    histories, features, seed = data.histories, data.features.joined, data.seed
    vectors = data.texts if config.reads_texts else data.without_texts
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    warm_items = np.unique(histories.items)
    readable = np.flatnonzero(histories.lengths >= 2)
    steps = min(config.max_steps, config.max_epochs * -(-len(readable) // config.batch_users))
    model = _Trainable(features.shape[0], features.shape[1], vectors.shape[1], config)
    dense = torch.from_numpy(vectors)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)  # three times faster
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_linear(step / max(steps, 1), config.warm_up, config.last_rate)
    )
    with progress("Training two towers", steps, "batches") as shown:
        for users in _batches(readable, steps, config.batch_users, random):
            batch = _Batch.draw(histories, users, warm_items, config, random)
            if not len(batch.targets):
                continue
            loss = batch.loss(model, features, dense, random)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            rates.step()
            shown.advance(note=f"loss {loss.item():.2f}")
    return _fitted(model, features, dense)


def joined(towers: Sequence[TwoTower]) -> TwoTower:
    """Returns a model whose scores are the mean of several: their vectors concatenated."""
    own = np.hstack([tower.items[:, :-1] for tower in towers]) / len(towers)
    bias = np.mean([tower.items[:, -1:] for tower in towers], axis=0)
    event_vectors = np.hstack([tower.event_vectors for tower in towers])
    return TwoTower(np.hstack([own, bias]), event_vectors, towers[0].decay)


def _batches(users: Array, steps: int, size: int, random: np.random.Generator) -> Iterator[Array]:
    """Yields batches of users; each user comes once per epoch."""
    queue: Array = np.empty(0, np.int64)
    for _ in range(steps):
        while len(queue) < min(size, len(users)):
            queue = np.concatenate([queue, random.permutation(users)])
        yield queue[:size]
        queue = queue[size:]


@torch.inference_mode()
def _fitted(model: _Trainable, features: csr_matrix, vectors: Tensor) -> TwoTower:
    width = model.config.width
    items = np.empty((features.shape[0], width + 1), np.float32)
    event_vectors = np.empty((features.shape[0], width), np.float32)
    for start in range(0, len(items), ITEMS_AT_ONCE):
        part = slice(start, start + ITEMS_AT_ONCE)
        own, bias = model(features[part], vectors[part])
        items[part, :-1] = (model.sharpness.exp() * own).numpy()
        items[part, -1] = bias.numpy()
        event_vectors[part] = (own + model.free[part]).numpy()
    return TwoTower(items, event_vectors, model.config.decay)
