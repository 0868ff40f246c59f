"""From texts to behaviour by a linear tower: for sparse data, and for catalogues of any size.

v_i = unit(φ_i W + E_i D) and b_i = φ_i w + E_i d are made of an item's features φ and its vector E of a language model,
so that a new item has them too. A history is Σ h_j / √n with h_j = v_j + e_j, e_j free; the score is e^t u·v_i + b_i.
Some events of each user are predicted from the others by a softmax over what the batch took and sampled items (Jean et
al. 2015, arXiv:1412.2007).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor, nn
from torch.nn import functional

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import decaying
from chatrec.runtime.progress import progress

WIDTH = 128
BATCH = 512
STEPS, PASSES = 600, 30
"""Batches at most, and how often each user is read at most."""
EVENTS = 60
"""Of a user in one batch, drawn at random."""
TARGETS = 0.3
"""The share of them that is predicted."""
SAMPLED = 2_000
LEARNING_RATE, WARM_UP, LAST_RATE = 2e-3, 1 / 12, 0.1
DROPOUT = 0.2
FREE_PENALTY = 1e-4
FIRST_SHARPNESS = 10.0
ITEMS_AT_ONCE = 50_000
EMPTY = 1e-9


@dataclass(frozen=True)
class Tower:
    """Vectors of all items."""

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

    def score(self, batch: UserBatch) -> Array:
        """log P(i|u) up to a constant a user."""
        scores: Array = self.queries(batch) @ self.keys.T
        return scores

    def contributions(self, latest: Array, items: Array) -> Array:
        """See Model; without 1/√n, which is the same for all events."""
        found = np.einsum("upd,ued->upe", self.items[items][:, :, :-1], self.taken[latest])
        return np.where(latest[:, None, :] >= 0, found * decaying(self.decay)(np.arange(latest.shape[1])), 0)


class _Model(nn.Module):
    """The tower while it learns."""

    def __init__(self, items: int, features: int, dimensions: int) -> None:
        super().__init__()
        self.words = nn.Parameter(torch.randn(features, WIDTH + 1) / WIDTH**0.5)
        self.vectors = nn.Parameter(torch.randn(dimensions, WIDTH + 1) / WIDTH**0.5)
        self.free = nn.Parameter(torch.zeros(items, WIDTH))
        self.sharpness = nn.Parameter(torch.tensor(FIRST_SHARPNESS).log())
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
    def draw(cls, histories: Interactions, users: Array, known: Array, random: np.random.Generator) -> Self:
        rows, events = histories.positions(users)
        within, items = events - histories.starts[users][rows], histories.items[events]
        order = np.lexsort((random.random(len(rows)), rows))
        drawn = order[within < EVENTS]
        rows, items = rows[drawn], items[drawn]
        target = random.random(len(rows)) < TARGETS
        left = np.bincount(rows[~target], minlength=len(users))
        predicted = target & (left[rows] > 0)
        sampled = random.choice(known, min(SAMPLED, len(known)), replace=False)
        candidates = np.union1d(items[predicted], sampled)
        return cls(rows[~target], items[~target], rows[predicted], items[predicted], candidates)

    def loss(self, model: _Model, features: csr_matrix, vectors: Tensor, random: np.random.Generator) -> Tensor:
        items = np.union1d(self.candidates, self.read)
        some = features[items]
        some.data = (some.data * (random.random(some.nnz) >= DROPOUT) / (1 - DROPOUT)).astype(np.float32)
        of_items = torch.from_numpy(items)
        own, bias = model(some, functional.dropout(vectors[of_items], DROPOUT))
        free = model.free[of_items]
        count = int(max(self.read_users.max(), self.users.max())) + 1
        places = torch.from_numpy(np.searchsorted(items, self.read))
        lengths = np.maximum(np.bincount(self.read_users, minlength=count), 1).astype(np.float32)
        read = torch.zeros(count, WIDTH).index_add(0, torch.from_numpy(self.read_users), (own + free)[places])
        among = torch.from_numpy(np.searchsorted(items, self.candidates))
        users = model.sharpness.exp() * read / torch.from_numpy(np.sqrt(lengths))[:, None]
        logits = users @ own[among].T + bias[among]
        logits = logits.masked_fill(torch.from_numpy(self._had(count)), -torch.inf)
        chosen = torch.from_numpy(np.searchsorted(self.candidates, self.targets))
        likelihood = functional.log_softmax(logits, 1)[torch.from_numpy(self.users), chosen].mean()
        return FREE_PENALTY * free.square().sum() - likelihood

    def _had(self, count: int) -> Array:
        """bool, users × candidates: what was read, and is not predicted again."""
        had = np.zeros((count, len(self.candidates)), bool)
        place = np.minimum(np.searchsorted(self.candidates, self.read), len(self.candidates) - 1)
        there = self.candidates[place] == self.read
        had[self.read_users[there], place[there]] = True
        place = np.searchsorted(self.candidates, self.targets)
        had[self.users, place] = False
        return had


def fit(histories: Interactions, features: csr_matrix, vectors: Array, decay: float, seed: int) -> Tower:
    """Learns the tower.

    Args:
        histories: of all users.
        features: φ, items × features.
        vectors: E, items × dimensions.
        decay: how an event of a history fades with each that came after it.
        seed: of the first weights and the order of users.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    known = np.unique(histories.items)
    readable = np.flatnonzero(histories.lengths >= 2)
    steps = min(STEPS, PASSES * -(-len(readable) // BATCH))
    model, dense = _Model(features.shape[0], features.shape[1], vectors.shape[1]), torch.from_numpy(vectors)
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)  # three times faster
    rates = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step / max(steps, 1)))
    with progress("Learning what texts say", steps, "batches") as shown:
        for users in _batches(readable, steps, random):
            batch = _Batch.draw(histories, users, known, random)
            if not len(batch.targets):
                continue
            loss = batch.loss(model, features, dense, random)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            rates.step()
            shown.advance(note=f"loss {loss.item():.2f}")
    return _tower(model, features, dense, decay)


def joined(towers: Sequence[Tower]) -> Tower:
    """One tower whose scores are the mean of several: vectors side by side."""
    own = np.hstack([tower.items[:, :-1] for tower in towers]) / len(towers)
    bias = np.mean([tower.items[:, -1:] for tower in towers], axis=0)
    return Tower(np.hstack([own, bias]), np.hstack([tower.taken for tower in towers]), towers[0].decay)


def _rate(done: float) -> float:
    """A share of LEARNING_RATE: up to 1 while the share WARM_UP is done, then down to LAST_RATE in a straight line."""
    return max(min(done / WARM_UP, 1 - (1 - LAST_RATE) * done), LAST_RATE)


def _batches(users: Array, steps: int, random: np.random.Generator) -> Iterator[Array]:
    """Everybody comes once before anybody comes again."""
    queue: Array = np.empty(0, np.int64)
    for _ in range(steps):
        while len(queue) < min(BATCH, len(users)):
            queue = np.concatenate([queue, random.permutation(users)])
        yield queue[:BATCH]
        queue = queue[BATCH:]


@torch.inference_mode()
def _tower(model: _Model, features: csr_matrix, vectors: Tensor, decay: float) -> Tower:
    items = np.empty((features.shape[0], WIDTH + 1), np.float32)
    taken = np.empty((features.shape[0], WIDTH), np.float32)
    for start in range(0, len(items), ITEMS_AT_ONCE):
        part = slice(start, start + ITEMS_AT_ONCE)
        own, bias = model(features[part], vectors[part])
        items[part, :-1] = (model.sharpness.exp() * own).numpy()
        items[part, -1] = bias.numpy()
        taken[part] = (own + model.free[part]).numpy()
    return Tower(items, taken, decay)
