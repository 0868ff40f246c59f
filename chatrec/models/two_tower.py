"""From texts to behaviour by a linear tower: for sparse data, and for catalogues of any size.

v_i = unit(φ_i W + E_i D) and b_i = φ_i w + E_i d are made of an item's features φ and its vector E of a language model,
so that a new item has them too. A history is Σ h_j / √n with h_j = v_j + e_j, e_j free; the score is e^t u·v_i + b_i.
Some events of each user are predicted from the others by a softmax over what the batch took and sampled items (Jean et
al. 2015, arXiv:1412.2007).
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
EMPTY = 1e-9


@dataclass(frozen=True)
class Config:
    """How the tower learns, and what it reads."""

    reads_texts: bool = True
    """Whether it reads vectors of a language model beside features."""
    decay: float = 1.0
    """Weight of an event for each that came after it."""
    towers: int = 1
    """Learned from different seeds; the score is their mean."""
    width: int = 128
    batch_users: int = 512
    max_steps: int = 600
    """Batches at most."""
    max_epochs: int = 30
    """How often each user is read at most."""
    batch_events: int = 60
    """Of a user in one batch, drawn at random."""
    target_share: float = 0.3
    """The share of them that is predicted."""
    sampled_items: int = 2_000
    learning_rate: float = 2e-3
    warm_up: float = 1 / 12
    """The share of the steps in which the rate rises."""
    last_rate: float = 0.1
    """The share of the learning rate that is left at the end."""
    dropout: float = 0.2
    l2: float = 1e-4
    """Of e, the free part of what an event adds."""
    first_sharpness: float = 10.0
    """e^t before the first step."""


DEFAULT = Config()


@dataclass(frozen=True)
class Tower(VectorModel):
    """Vectors of all items. The score is log P(i|u) up to a constant a user."""

    items: Array
    """e^t v and b: items × (width + 1)."""
    taken: Array
    """h: items × width, what an event adds to a history."""
    decay: float = 1.0
    """How an event fades with each that came after it."""

    log_probabilities = True

    @property
    def keys(self) -> Array:
        """See VectorModel."""
        return self.items

    def queries(self, batch: UserBatch) -> Array:
        """u and 1."""
        weights = batch.weighted(decaying(self.decay))
        length = np.sqrt(np.asarray(weights.power(2).sum(1)))
        users = np.asarray(weights @ self.taken) / np.maximum(length, EMPTY)
        return np.hstack([users, np.ones((len(users), 1))]).astype(np.float32)

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model; without 1/√n, which is the same for all events."""
        products = np.einsum("upd,ued->upe", self.items[items][:, :, :-1], self.taken[latest])
        return np.where(latest[:, None, :] >= 0, products * decaying(self.decay)(np.arange(latest.shape[1])), 0)


class _Model(nn.Module):
    """The tower while it learns."""

    def __init__(self, items: int, features: int, dimensions: int, config: Config) -> None:
        super().__init__()
        self.config, width = config, config.width
        self.words = nn.Parameter(torch.randn(features, width + 1) / width**0.5)
        self.vectors = nn.Parameter(torch.randn(dimensions, width + 1) / width**0.5)
        self.free = nn.Parameter(torch.zeros(items, width))
        self.sharpness = nn.Parameter(torch.tensor(config.first_sharpness).log())
        with torch.no_grad():
            self.words[:, -1] = self.vectors[:, -1] = 0

    def forward(self, features: csr_matrix, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """v and b of some items."""
        indices, starts = (torch.from_numpy(part.astype(np.int64)) for part in (features.indices, features.indptr[:-1]))
        weights = torch.from_numpy(features.data)
        mapped = functional.embedding_bag(indices, self.words, starts, mode="sum", per_sample_weights=weights)
        mapped = mapped + vectors @ self.vectors
        return functional.normalize(mapped[:, :-1]), mapped[:, -1]


@dataclass(frozen=True)
class _Batch:
    """Events of some users: those that are read, and those that are predicted."""

    read_users: Array
    read: Array
    users: Array
    targets: Array
    candidates: Array
    """Items among which the targets are told apart, ordered."""

    @classmethod
    def draw(
        cls, histories: Interactions, users: Array, known: Array, config: Config, random: np.random.Generator
    ) -> Self:
        rows, events = histories.positions(users)
        within, items = events - histories.starts[users][rows], histories.items[events]
        order = np.lexsort((random.random(len(rows)), rows))
        drawn = order[within < config.batch_events]
        rows, items = rows[drawn], items[drawn]
        target = random.random(len(rows)) < config.target_share
        left = np.bincount(rows[~target], minlength=len(users))
        predicted = target & (left[rows] > 0)
        sampled = random.choice(known, min(config.sampled_items, len(known)), replace=False)
        candidates = np.union1d(items[predicted], sampled)
        return cls(rows[~target], items[~target], rows[predicted], items[predicted], candidates)

    def loss(self, model: _Model, features: csr_matrix, vectors: Tensor, random: np.random.Generator) -> Tensor:
        dropout, items = model.config.dropout, np.union1d(self.candidates, self.read)
        some = features[items]
        some.data = (some.data * (random.random(some.nnz) >= dropout) / (1 - dropout)).astype(np.float32)
        of_items = torch.from_numpy(items)
        own, bias = model(some, functional.dropout(vectors[of_items], dropout))
        free = model.free[of_items]
        count = int(max(self.read_users.max(), self.users.max())) + 1
        places = torch.from_numpy(np.searchsorted(items, self.read))
        lengths = np.maximum(np.bincount(self.read_users, minlength=count), 1).astype(np.float32)
        read = torch.zeros(count, model.config.width)
        read = read.index_add(0, torch.from_numpy(self.read_users), (own + free)[places])
        among = torch.from_numpy(np.searchsorted(items, self.candidates))
        users = model.sharpness.exp() * read / torch.from_numpy(np.sqrt(lengths))[:, None]
        logits = users @ own[among].T + bias[among]
        logits = logits.masked_fill(torch.from_numpy(self._had(count)), -torch.inf)
        chosen = torch.from_numpy(np.searchsorted(self.candidates, self.targets))
        likelihood = functional.log_softmax(logits, 1)[torch.from_numpy(self.users), chosen].mean()
        return model.config.l2 * free.square().sum() - likelihood

    def _had(self, count: int) -> Array:
        """bool, users × candidates: what was read, and is not predicted again."""
        had = np.zeros((count, len(self.candidates)), bool)
        place = np.minimum(np.searchsorted(self.candidates, self.read), len(self.candidates) - 1)
        valid = self.candidates[place] == self.read
        had[self.read_users[valid], place[valid]] = True
        place = np.searchsorted(self.candidates, self.targets)
        had[self.users, place] = False
        return had


def fit(data: TrainingData, config: Config = DEFAULT) -> Tower:
    """Learns the towers; with and without texts from different seeds."""
    first = data.seed + config.reads_texts
    return joined([fit_one(replace(data, seed=first + number), config) for number in range(config.towers)])


def fit_one(data: TrainingData, config: Config) -> Tower:
    """Learns one tower."""
    histories, features, seed = data.histories, data.features.joined, data.seed
    vectors = data.texts if config.reads_texts else data.without_texts
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    known = np.unique(histories.items)
    readable = np.flatnonzero(histories.lengths >= 2)
    steps = min(config.max_steps, config.max_epochs * -(-len(readable) // config.batch_users))
    model = _Model(features.shape[0], features.shape[1], vectors.shape[1], config)
    dense = torch.from_numpy(vectors)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate, fused=True)  # three times faster
    rates = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: warm_linear(step / max(steps, 1), config.warm_up, config.last_rate)
    )
    with progress("Learning what texts say", steps, "batches") as shown:
        for users in _batches(readable, steps, config.batch_users, random):
            batch = _Batch.draw(histories, users, known, config, random)
            if not len(batch.targets):
                continue
            loss = batch.loss(model, features, dense, random)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            rates.step()
            shown.advance(note=f"loss {loss.item():.2f}")
    return _tower(model, features, dense)


def joined(towers: Sequence[Tower]) -> Tower:
    """One tower whose scores are the mean of several: vectors side by side."""
    own = np.hstack([tower.items[:, :-1] for tower in towers]) / len(towers)
    bias = np.mean([tower.items[:, -1:] for tower in towers], axis=0)
    return Tower(np.hstack([own, bias]), np.hstack([tower.taken for tower in towers]), towers[0].decay)


def _batches(users: Array, steps: int, size: int, random: np.random.Generator) -> Iterator[Array]:
    """Everybody comes once before anybody comes again."""
    queue: Array = np.empty(0, np.int64)
    for _ in range(steps):
        while len(queue) < min(size, len(users)):
            queue = np.concatenate([queue, random.permutation(users)])
        yield queue[:size]
        queue = queue[size:]


@torch.inference_mode()
def _tower(model: _Model, features: csr_matrix, vectors: Tensor) -> Tower:
    width = model.config.width
    items = np.empty((features.shape[0], width + 1), np.float32)
    taken = np.empty((features.shape[0], width), np.float32)
    for start in range(0, len(items), ITEMS_AT_ONCE):
        part = slice(start, start + ITEMS_AT_ONCE)
        own, bias = model(features[part], vectors[part])
        items[part, :-1] = (model.sharpness.exp() * own).numpy()
        items[part, -1] = bias.numpy()
        taken[part] = (own + model.free[part]).numpy()
    return Tower(items, taken, model.config.decay)
