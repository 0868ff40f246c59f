"""AIGC as the mission writes it, as a torch module.

With item vectors v_i, groups G of items and a user's history H:
    g   = 1/|G| Σ_{i∈G} v_i                  group embedding
    u   = 1/|H| Σ_{j∈H} v_j                  user embedding
    a_u = softmax_G(uᵀg)                     attention over groups
    P(i|u) = softmax_i(uᵀv_i)                score
The published sketch multiplies attention (users × groups) with item vectors (items × width), which do not fit; here
attention flows from groups to their members: users × groups times groups × items.

H is the latest events of a user, their number a setting. Softmax keeps the order of uᵀv_i: the attention does not
change a list of somebody with a history; it explains it, and it makes the lists of those without one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Aigc(nn.Module):
    """Item vectors that are given (a text vector, projected), learned from behaviour, or the sum of both.

    Args:
        items: number of items.
        width: length of an item vector.
        given: items × dimensions, the text vectors; None leaves the given part out.
        learned: whether there is a learned part.
    """

    def __init__(self, items: int, width: int, given: Tensor | None, learned: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(items, width) if learned else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.1)
        self.register_buffer("given", given)
        self.projection = nn.Linear(given.shape[1], width, bias=False) if given is not None else None

    def given_vectors(self) -> Tensor | None:
        """items × width: what the text says of an item; None without a given part."""
        given: Tensor | None = self.projection(self.given) if self.projection is not None else None
        return given

    def item_vectors(self) -> Tensor:
        """v: items × width."""
        given = self.given_vectors()
        if self.embedding is None:
            assert given is not None
            return given
        return self.embedding.weight if given is None else self.embedding.weight + given


def mean_vectors(vectors: Tensor, members: Tensor, starts: Tensor) -> Tensor:
    """The mean vector of each set of items: group embeddings and user embeddings alike.

    Args:
        vectors: items × width.
        members: rows of items, set after set.
        starts: where each set begins; an empty set has the zero vector.

    Returns:
        sets × width.
    """
    return functional.embedding_bag(members, vectors, starts, mode="mean")


def attention(users: Tensor, groups: Tensor) -> Tensor:
    """a: users × groups, each row sums to 1."""
    return torch.softmax(users @ groups.T, dim=1)


def to_members(weights: Tensor, members: Tensor) -> Tensor:
    """From groups to their member items.

    Args:
        weights: users × groups.
        members: groups × items, sparse or dense: how much each item has of its group.

    Returns:
        users × items.
    """
    return torch.matmul(members.T, weights.T).T


def scores(users: Tensor, vectors: Tensor) -> Tensor:
    """P(i|u): users × items, each row sums to 1."""
    return torch.softmax(users @ vectors.T, dim=1)
