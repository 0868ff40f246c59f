"""Training of item vectors with AIGC's own formula as the likelihood of next events.

For each event y of a user with the latest events H before it the loss is -log softmax_i(uᵀv_i)[y], with u the mean over
H. From FULL_SOFTMAX_BELOW items on, the sum over items is estimated from uniform negatives shared by a batch.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from chatrec.aigc.formulas import Aigc
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState, Fitted, group_vectors
from chatrec.aigc.users import MeanUsers
from chatrec.config.aigc import AigcConfig
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation.holdout import Holdout
from chatrec.runtime.progress import progress

FULL_SOFTMAX_BELOW = 2048
NEGATIVES = 2048
POSITIONS_OF_A_BATCH = 512
POSITIONS_OF_A_SAMPLED_BATCH = 2048
"""Larger, because each batch draws a sample and updates all item vectors."""
POSITIONS_OF_AN_EPOCH = 1_000_000
LEARNING_RATE = 0.01
DROPPED_EVENTS = 0.2
NORM_PENALTY = 1e-3


HISTORY, WIDTH, PASSES = 10, 64, 10
"""Values used for settings that are 0."""


def fit(holdout: Holdout, given: Array, settings: AigcConfig, seed: int) -> Fitted:
    """Trains item vectors on all events but the held-out ones.

    Args:
        holdout: Histories to train on, and their held-out events.
        given: Text vectors, items × dimensions.
        settings: Kind and width of vectors, length of a history, epochs.
        seed: Seed of weights and order.

    Returns:
        The state after the epoch with the best NDCG@10 on held-out events. As the learning rate decays to zero, it is
        usually one of the last. Early stopping lost a tenth of NDCG@10 to the noise of small holdouts.
    """
    torch.manual_seed(seed)
    text = torch.from_numpy(given) if settings.vectors != "learned" else None
    model = Aigc(len(given), settings.width or WIDTH, text, learned=settings.vectors != "given")
    passes = settings.epochs or PASSES
    training = _Training(model, holdout.histories, passes, settings.history or HISTORY, seed)
    encoder = MeanUsers(settings.history or HISTORY)
    best, best_quality, best_pass = _vectors(model), _quality(_vectors(model), encoder, holdout), 0
    with progress("Training AIGC vectors", passes, "epochs") as shown:
        for number in range(1, passes + 1 if training.positions.size else 1):
            training.pass_over_events()
            vectors = _vectors(model)
            quality = _quality(vectors, encoder, holdout)
            shown.advance(note=f"NDCG@10 {quality:.4f} on held-out events")
            if not len(holdout) or quality > best_quality:
                best, best_quality, best_pass = vectors, quality, number
    return Fitted(best, np.zeros(len(best), np.float32), encoder, None, best_pass * len(training.positions))


def of_texts(texts: Array, groups: ItemGroups) -> AigcState:
    """Makes a state of public texts only, for private runs, which train nothing across users.

    Items are their text vectors, users the mean of their latest items, cold users their profile.

    Args:
        texts: Text vectors, items × dimensions.
        groups: Groups of the items.
    """
    width = texts.shape[1]
    profile = np.vstack([np.eye(width, dtype=np.float32), np.zeros((1, width), np.float32)])
    nothing = np.zeros(len(texts), np.float32)
    return AigcState(texts.astype(np.float32), nothing, group_vectors(texts, groups), profile, MeanUsers(HISTORY))


@torch.no_grad()
def _vectors(model: Aigc) -> Array:
    vectors: Array = model.item_vectors().numpy().copy()
    return vectors


def _quality(items: Array, encoder: MeanUsers, holdout: Holdout) -> float:
    """Returns NDCG@10 on held-out events; 0 without any."""

    def score(batch: UserBatch) -> Array:
        users = encoder.read(items, batch.histories.latest(batch.users, encoder.length))
        scores: Array = users @ items.T
        return scores

    return float(holdout.ndcg(score).mean()) if len(holdout) else 0.0


class _Training:
    """Trains on all events with at least one event before them."""

    def __init__(self, model: Aigc, histories: Interactions, passes: int, length: int, seed: int) -> None:
        self.model = model
        self.length = length
        self.random = np.random.default_rng(seed)
        self.histories = histories
        self.preceding = torch.from_numpy(np.arange(len(histories.items)) - histories.starts[histories.event_users])
        self.positions = np.flatnonzero(self.preceding.numpy() > 0)
        self.optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        self.sampled = len(model.item_vectors()) >= FULL_SOFTMAX_BELOW
        self.batch = POSITIONS_OF_A_SAMPLED_BATCH if self.sampled else POSITIONS_OF_A_BATCH
        steps = passes * -(-min(len(self.positions), POSITIONS_OF_AN_EPOCH) // self.batch)
        self.schedule = torch.optim.lr_scheduler.LinearLR(self.optimiser, 1.0, 0.0, max(steps, 1))

    def pass_over_events(self) -> None:
        read = self.histories.shuffled(self.random)  # no order within a basket is learned
        self.items, self.weights = torch.tensor(read.items, dtype=torch.long), _weights(read)
        chosen = self.random.permutation(self.positions)[:POSITIONS_OF_AN_EPOCH]
        for start in range(0, len(chosen), self.batch):
            positions = torch.from_numpy(chosen[start : start + self.batch])
            loss = self._loss(positions)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            self.schedule.step()

    def _loss(self, positions: Tensor) -> Tensor:
        vectors = self.model.item_vectors()
        users = self._users(positions, vectors)
        targets = self.items[positions]
        wanted = vectors[targets]
        if self.sampled:
            lost = self._sampled_loss(users, wanted, targets, vectors)
        else:
            lost = functional.cross_entropy(users @ vectors.T, targets, reduction="none")
        norms = users.square().sum(1) + wanted.square().sum(1)
        return ((lost + NORM_PENALTY * norms) * self.weights[positions]).mean()

    def _users(self, positions: Tensor, vectors: Tensor) -> Tensor:
        """Returns the mean over the latest events before each position, with dropout of events."""
        back = torch.arange(1, self.length + 1)
        mask = back <= self.preceding[positions][:, None]
        kept = torch.from_numpy(self.random.random(mask.shape) >= DROPPED_EVENTS)
        weights = (mask & kept).float()
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
        events = self.items[(positions[:, None] - back).clamp(min=0)]
        return functional.embedding_bag(events, vectors, per_sample_weights=weights, mode="sum")

    def _sampled_loss(self, users: Tensor, wanted: Tensor, targets: Tensor, vectors: Tensor) -> Tensor:
        """Returns -log softmax, with the sum over other items estimated from a uniform sample."""
        drawn = torch.from_numpy(self.random.integers(0, len(vectors), NEGATIVES))
        others = users @ vectors[drawn].T + float(np.log(len(vectors) / NEGATIVES))
        others = others.masked_fill(drawn == targets[:, None], -torch.inf)
        mine = (users * wanted).sum(1, keepdim=True)
        return torch.logsumexp(torch.cat([mine, others], 1), 1) - mine[:, 0]


def _weights(histories: Interactions) -> Tensor:
    """Returns the weights of events, 1 on average."""
    weights = histories.weights.astype(np.float32)
    return torch.from_numpy(weights / weights.mean()) if len(weights) else torch.empty(0)
