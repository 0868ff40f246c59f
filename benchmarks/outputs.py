"""Output layers of AIGC's network: that of chatrec, and alternatives.

Each is a `Vectors` with another loss, trained by chatrec's own training, and scores all items.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from chatrec.aigc.sequence import Vectors
from chatrec.aigc.softmax import Members, full_softmax
from chatrec.aigc.state import GroupOutput
from chatrec.data.arrays import Array

NEGATIVES = 512
"""Negatives per batch."""
NEGATIVES_IN_A_GROUP = 64
"""Negatives per batch and group of its targets."""


class Full(Vectors):
    """One softmax over all items.

    Args:
        start: Initial vectors, items × width.
        shares: Share of each item in all events.
        group_of: Group of each item; ignored.
        seed: Seed of the samples.
    """

    def __init__(self, start: Array, shares: Array, group_of: Array, seed: int) -> None:
        super().__init__(start, shares, 0, seed)
        self.shares = shares
        self.random = np.random.default_rng(seed)

    @torch.no_grad()
    def scores(self, users: Array) -> Array:
        """Returns log P(i|u) up to a constant per user, users × items."""
        logits: Array = users @ self.items.numpy().T + self.bias.numpy()
        return logits


class TwoLevels(Full):
    """A full softmax over groups and a full softmax over the items of each group, with the loss of `Vectors`."""

    members: Members

    def __init__(self, start: Array, shares: Array, group_of: Array, seed: int) -> None:
        super().__init__(start, shares, group_of, seed)
        self.members = Members.of(group_of)
        vectors = np.stack([start[rows.numpy()].mean(0) for rows in self.members.items])
        of_groups = np.bincount(group_of, shares)
        self.groups = nn.Parameter(torch.from_numpy(vectors))
        self.group_bias = nn.Parameter(torch.from_numpy(np.log(of_groups).astype(np.float32)))

    @torch.no_grad()
    def scores(self, users: Array) -> Array:
        """Returns log P(i|u), users × items."""
        logits = super().scores(users)
        scores: Array = logits + self.output.terms(users, logits)[:, self.output.group_of]
        return scores

    @property
    def output(self) -> GroupOutput:
        """Group output as chatrec scores it."""
        group_of = self.members.group_of.numpy()
        return GroupOutput(group_of, self.groups.detach().numpy(), self.group_bias.detach().numpy())


class GroupsOnly(TwoLevels):
    """Attention over groups; within a group, items are ranked by popularity for all users."""

    def loss(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Returns Σ w · -log P(group of y|u); probabilities within a group are not trained."""
        group = self.members.group_of[targets]
        return full_softmax(hidden, self.groups, self.group_bias, group, weights)

    @torch.no_grad()
    def scores(self, users: Array) -> Array:
        """Returns log a_k + log of the item's share in its group, users × items."""
        group_of = self.output.group_of
        within = np.log(self.shares / np.bincount(group_of, self.shares)[group_of]).astype(np.float32)
        attention = torch.from_numpy(users @ self.output.vectors.T + self.output.bias).log_softmax(1).numpy()
        scores: Array = attention[:, group_of] + within
        return scores


class Sampled(Full):
    """One softmax, whose sum over items is estimated from negatives drawn by popularity."""

    def __init__(self, start: Array, shares: Array, group_of: Array, seed: int) -> None:
        super().__init__(start, shares, group_of, seed)
        self.until = np.cumsum(shares)

    def loss(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Returns an estimate of Σ w · -log P(y|u)."""
        return sampled_loss(hidden.to(self.bias.dtype), self.items, self.bias, targets, weights, *self.draw())

    def draw(self) -> tuple[Tensor, Tensor]:
        """Returns sampled items, and the logarithm of the expected count of each in the sample."""
        drawn = np.searchsorted(self.until, self.random.random(NEGATIVES) * self.until[-1])
        expected = np.log(NEGATIVES * self.shares[drawn] / self.until[-1])
        return torch.from_numpy(drawn), torch.from_numpy(expected.astype(np.float32))


class SampledInGroups(TwoLevels):
    """A full softmax over groups; that over the items of a group is estimated from negatives drawn by popularity."""

    def __init__(self, start: Array, shares: Array, group_of: Array, seed: int) -> None:
        super().__init__(start, shares, group_of, seed)
        self.order = np.argsort(group_of, kind="stable")
        self.until = np.cumsum(shares[self.order])
        self.ends = np.cumsum(np.bincount(group_of))
        self.of_groups = np.bincount(group_of, shares)

    def loss(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Returns Σ w · (-log P(k|u) - log P(y|k,u)), with an estimate of the second term."""
        group = self.members.group_of[targets]
        order = torch.argsort(group, stable=True)
        chosen, counts = torch.unique_consecutive(group[order], return_counts=True)
        drawn, expected = self.draw(chosen.numpy())
        of_groups = full_softmax(hidden, self.groups, self.group_bias, group, weights)
        return of_groups + loss_in_groups(
            hidden[order].to(self.bias.dtype),
            self.items,
            self.bias,
            targets[order],
            weights[order],
            counts.tolist(),
            drawn,
            expected,
        )

    def draw(self, groups: Array) -> tuple[Tensor, Tensor]:
        """Returns sampled items, groups × negatives, and the logarithm of the expected count of each in its row."""
        high = self.until[self.ends[groups] - 1]
        points = high[:, None] - self.random.random((len(groups), NEGATIVES_IN_A_GROUP)) * self.of_groups[groups, None]
        first = np.concatenate([[0], self.ends[:-1]])[groups, None]
        positions = np.clip(np.searchsorted(self.until, points), first, self.ends[groups, None] - 1)
        drawn = self.order[positions]
        expected = np.log(NEGATIVES_IN_A_GROUP * self.shares[drawn] / self.of_groups[groups, None])
        return torch.from_numpy(drawn), torch.from_numpy(expected.astype(np.float32))


def sampled_loss(
    hidden: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor, drawn: Tensor, expected: Tensor
) -> Tensor:
    """Returns Σ w · -log softmax(hᵀv + b)[y], with Σ_i exp(hᵀv_i + b_i) estimated from y and the sample.

    Args:
        hidden: Network states, positions × width.
        items: Item vectors, items × width.
        bias: Bias of each item.
        targets: Target of each position; ignored in the sample of its position.
        weights: Weight of each position.
        drawn: Rows of the sampled items.
        expected: Logarithm of the expected count of each in the sample.
    """
    others = torch.addmm(bias[drawn] - expected, hidden, functional.embedding(drawn, items).T)
    return _loss(hidden, items, bias, targets, weights, others.masked_fill(drawn == targets[:, None], -torch.inf))


def loss_in_groups(
    hidden: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor,
    counts: list[int], drawn: Tensor, expected: Tensor,
) -> Tensor:  # fmt: skip
    """Returns the same loss for positions sorted by group, with one row of `drawn` and `expected` per group.

    Args:
        hidden: Network states, positions × width.
        items: Item vectors, items × width.
        bias: Bias of each item.
        targets: Target of each position.
        weights: Weight of each position.
        counts: Number of positions of each group.
        drawn: Rows of the sampled items, groups × negatives.
        expected: Logarithm of the expected count of each in its row, groups × negatives.
    """
    parts = zip(
        torch.split(hidden, counts),
        torch.split(targets, counts),
        functional.embedding(drawn, items).unbind(),
        (bias[drawn] - expected).unbind(),
        drawn.unbind(),
        strict=True,
    )
    others = [
        torch.addmm(own_bias, own, vectors.T).masked_fill(rows == wanted[:, None], -torch.inf)
        for own, wanted, vectors, own_bias, rows in parts
    ]
    return _loss(hidden, items, bias, targets, weights, torch.cat(others))


def _loss(hidden: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor, others: Tensor) -> Tensor:
    mine = (hidden * functional.embedding(targets, items)).sum(1) + bias[targets]
    return torch.dot(weights, torch.logsumexp(torch.cat([mine[:, None], others], 1), 1) - mine)
