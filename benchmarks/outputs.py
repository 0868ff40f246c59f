"""Output layers for AIGC's net: those that chatrec has, and those that it could have had.

Each is a `Vectors` with another loss, so that chatrec's own training learns it, and says how it scores all items.
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
"""Of a batch."""
NEGATIVES_IN_A_GROUP = 64
"""Of a batch, for each group that it needs."""


class Full(Vectors):
    """One softmax over all items.

    Args:
        start: items × width.
        shares: of each item in all events.
        group_of: the group of each item; not needed here.
        seed: of what is drawn.
    """

    def __init__(self, start: Array, shares: Array, group_of: Array, seed: int) -> None:
        super().__init__(start, shares, 0, seed)
        self.shares = shares
        self.random = np.random.default_rng(seed)

    @torch.no_grad()
    def scores(self, users: Array) -> Array:
        """log P(i|u) up to a constant a user: users × items."""
        found: Array = users @ self.items.numpy().T + self.bias.numpy()
        return found


class TwoLevels(Full):
    """A softmax over groups and one over the items of a group, both whole, as `Vectors` learns them."""

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
        """See Full."""
        logits = super().scores(users)
        found: Array = logits + self.output.terms(users, logits)[:, self.output.group_of]
        return found

    @property
    def output(self) -> GroupOutput:
        """As chatrec serves it."""
        group_of = self.members.group_of.numpy()
        return GroupOutput(group_of, self.groups.detach().numpy(), self.group_bias.detach().numpy())


class GroupsOnly(TwoLevels):
    """Attention chooses a group; within a group the popular is likely for everybody."""

    def loss(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Σ w · -log P(group of y|u): how a group divides is not learned."""
        group = self.members.group_of[targets]
        return full_softmax(hidden, self.groups, self.group_bias, group, weights)

    @torch.no_grad()
    def scores(self, users: Array) -> Array:
        """log a_k + log of the item's share in its group."""
        group_of = self.output.group_of
        within = np.log(self.shares / np.bincount(group_of, self.shares)[group_of]).astype(np.float32)
        attention = torch.from_numpy(users @ self.output.vectors.T + self.output.bias).log_softmax(1).numpy()
        found: Array = attention[:, group_of] + within
        return found


class Sampled(Full):
    """One softmax, its sum over items estimated from negatives drawn by popularity."""

    def __init__(self, start: Array, shares: Array, group_of: Array, seed: int) -> None:
        super().__init__(start, shares, group_of, seed)
        self.until = np.cumsum(shares)

    def loss(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Σ w · -log P(y|u), estimated."""
        return sampled_loss(hidden.to(self.bias.dtype), self.items, self.bias, targets, weights, *self.draw())

    def draw(self) -> tuple[Tensor, Tensor]:
        """Items, and for each the logarithm of how often it is expected among them."""
        drawn = np.searchsorted(self.until, self.random.random(NEGATIVES) * self.until[-1])
        expected = np.log(NEGATIVES * self.shares[drawn] / self.until[-1])
        return torch.from_numpy(drawn), torch.from_numpy(expected.astype(np.float32))


class SampledInGroups(TwoLevels):
    """The softmax over groups whole, that over the items of a group estimated from negatives drawn by popularity."""

    def __init__(self, start: Array, shares: Array, group_of: Array, seed: int) -> None:
        super().__init__(start, shares, group_of, seed)
        self.order = np.argsort(group_of, kind="stable")
        self.until = np.cumsum(shares[self.order])
        self.ends = np.cumsum(np.bincount(group_of))
        self.of_groups = np.bincount(group_of, shares)

    def loss(self, hidden: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Σ w · (-log P(k|u) - log P(y|k,u)), the latter estimated."""
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
        """Items of some groups, groups × negatives, and the logarithm of how often each is expected in its row."""
        high = self.until[self.ends[groups] - 1]
        points = high[:, None] - self.random.random((len(groups), NEGATIVES_IN_A_GROUP)) * self.of_groups[groups, None]
        first = np.concatenate([[0], self.ends[:-1]])[groups, None]
        places = np.clip(np.searchsorted(self.until, points), first, self.ends[groups, None] - 1)
        drawn = self.order[places]
        expected = np.log(NEGATIVES_IN_A_GROUP * self.shares[drawn] / self.of_groups[groups, None])
        return torch.from_numpy(drawn), torch.from_numpy(expected.astype(np.float32))


def sampled_loss(
    hidden: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor, drawn: Tensor, expected: Tensor
) -> Tensor:
    """Σ w · -log softmax(hᵀv + b)[y], with Σ_i exp(hᵀv_i + b_i) estimated: that of y, and those drawn over `expected`.

    Args:
        hidden: positions × width.
        items: items × width.
        bias: of the items.
        targets: one for each position; left out where it was drawn too.
        weights: of the positions.
        drawn: rows of items.
        expected: for each of them the logarithm of how often it is expected among those drawn.
    """
    others = torch.addmm(bias[drawn] - expected, hidden, functional.embedding(drawn, items).T)
    return _loss(hidden, items, bias, targets, weights, others.masked_fill(drawn == targets[:, None], -torch.inf))


def loss_in_groups(
    hidden: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor,
    counts: list[int], drawn: Tensor, expected: Tensor,
) -> Tensor:  # fmt: skip
    """The same for `counts` positions of each group, one group after the other: its row of `drawn` and `expected`."""
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
