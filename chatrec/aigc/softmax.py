"""Likelihood of next events, by one softmax over all items or by groups and then the items of a group.

Both compute their gradients with the loss, in chunks, so that users × items is never stored. Matrix products have the
precision of `hidden`. Those within a group have that of the biases: they are small and differ in shape, and oneDNN
prepares each new shape again. Sums and exponentials also have the precision of the biases.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from chatrec.data.arrays import Array

POSITIONS_AT_ONCE = 1024


def full_softmax(hidden: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """Σ w · -log softmax_i(hᵀv_i + b_i)[y] over positions with their targets y and weights w.

    Args:
        hidden: User vectors, positions × width.
        items: Item vectors, items × width.
        bias: Biases of the items.
        targets: Rows of items, one per position.
        weights: Weights of the positions.
    """
    loss: Tensor = _FullSoftmax.apply(hidden, items, bias, targets, weights)  # type: ignore[no-untyped-call]
    return loss


def group_softmax(
    hidden: Tensor, items: Tensor, bias: Tensor, groups: Tensor, group_bias: Tensor,
    members: "Members", targets: Tensor, weights: Tensor,
) -> Tensor:  # fmt: skip
    """Σ w · (-log softmax_k(hᵀg_k + c_k)[κ(y)] - log softmax_{i in κ(y)}(hᵀv_i + b_i)[y]) with κ(y) the group of y.

    A user's attention h chooses a group, and the group chooses an item: P(i|u) = P(k|u) · P(i|k,u).

    Args:
        hidden: User vectors, positions × width.
        items: Item vectors, items × width.
        bias: Biases of the items.
        groups: Group vectors, groups × width.
        group_bias: Biases of the groups.
        members: Members of the groups.
        targets: Rows of items, one per position.
        weights: Weights of the positions.
    """
    loss: Tensor = _GroupSoftmax.apply(  # type: ignore[no-untyped-call]
        hidden, items, bias, groups, group_bias, members, targets, weights
    )
    return loss


class _FullSoftmax(Function):
    """The loss of `full_softmax`."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, items: Tensor, bias: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Returns the loss, and keeps its gradients."""
        gradients = tuple(torch.zeros_like(tensor) for tensor in (hidden, items, bias))
        loss = _loss(hidden, items, bias, targets, weights, gradients)
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients that `forward` made."""
        return *(grads[0] * tensor for tensor in ctx.saved_tensors), None, None


@dataclass(frozen=True)
class Members:
    """Members of groups; each item is in one group."""

    group_of: Tensor
    """Group of each item."""
    index_in_group: Tensor
    """Index of each item among the members of its group."""
    items: list[Tensor]
    """Members of each group."""

    @classmethod
    def of(cls, group_of: Array) -> "Members":
        """Makes members from the group of each item."""
        order = np.argsort(group_of, kind="stable")
        starts = np.searchsorted(group_of[order], np.arange(group_of.max(initial=-1) + 2))
        position = np.empty(len(group_of), np.int64)
        position[order] = np.arange(len(order)) - starts[group_of[order]]
        members = np.split(order, starts[1:-1])
        return cls(torch.from_numpy(group_of), torch.from_numpy(position), [torch.from_numpy(rows) for rows in members])


class _GroupSoftmax(Function):
    """The loss of `group_softmax`."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, items: Tensor, bias: Tensor, groups: Tensor, group_bias: Tensor,
        members: Members, targets: Tensor, weights: Tensor,
    ) -> Tensor:  # fmt: skip
        """Returns the loss, and keeps its gradients."""
        gradients = [torch.zeros_like(tensor) for tensor in (hidden, items, bias, groups, group_bias)]
        to_hidden, to_items, to_bias, to_groups, to_group_bias = gradients
        group = members.group_of[targets]
        loss = _loss(hidden, groups, group_bias, group, weights, (to_hidden, to_groups, to_group_bias))
        order = torch.argsort(group, stable=True)
        chosen, counts = torch.unique_consecutive(group[order], return_counts=True)
        for k, at in zip(chosen.tolist(), torch.split(order, counts.tolist()), strict=True):
            rows = members.items[k]
            own = hidden[at].to(bias.dtype), items[rows], bias[rows]
            to_own = tuple(torch.zeros_like(tensor) for tensor in own)
            loss += _loss(*own, members.index_in_group[targets[at]], weights[at], to_own)
            to_hidden.index_add_(0, at, to_own[0].to(hidden.dtype))
            to_items[rows], to_bias[rows] = to_own[1:]
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients that `forward` made."""
        return *(grads[0] * tensor for tensor in ctx.saved_tensors), None, None, None


def _loss(
    hidden: Tensor, choices: Tensor, bias: Tensor, targets: Tensor, weights: Tensor, gradients: tuple[Tensor, ...]
) -> Tensor:
    """Returns Σ w · -log softmax(hᵀ choices + bias)[target], and adds its gradients to `gradients`."""
    to_hidden, to_choices, to_bias = gradients
    loss, rounded = torch.zeros(()), choices.to(hidden.dtype)
    for start in range(0, len(hidden), POSITIONS_AT_ONCE):
        part = slice(start, start + POSITIONS_AT_ONCE)
        shares = (hidden[part] @ rounded.T).to(bias.dtype).add_(bias)
        rows = torch.arange(len(shares))
        wanted = shares[rows, targets[part]]
        largest = shares.amax(1)
        total = shares.sub_(largest[:, None]).exp_().sum(1)
        loss += torch.dot(weights[part], total.log() + largest - wanted)
        shares.mul_((weights[part] / total)[:, None])
        shares[rows, targets[part]] -= weights[part]
        to_bias += shares.sum(0)
        shares = shares.to(hidden.dtype)
        to_hidden[part] += shares @ rounded
        to_choices += shares.T @ hidden[part]
    return loss
