"""The original AIGC formula as a torch module.

With item vectors v_i, groups G of items and a user's history H:
    g   = 1/|G| Σ_{i∈G} v_i                  group embedding
    u   = 1/|H| Σ_{j∈H} v_j                  user embedding
    a_u = softmax_G(uᵀg)                     attention over groups
    P(i|u) = softmax_i(uᵀv_i)                score
The published formula multiplies attention (users × groups) with item vectors (items × width), whose shapes do not
match. Here attention is passed from groups to their members: users × groups times groups × items.

H is the latest events of a user; their number is a setting. Softmax keeps the order of uᵀv_i, so attention does not
change the list of a user with a history. It explains that list, and it makes the lists of users without a history.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class Aigc(nn.Module):
    """Item vectors that are given (a projected text vector), learned from interactions, or the sum of both.

    Args:
        items: Number of items.
        width: Length of an item vector.
        given: Text vectors, items × dimensions; None omits the given part.
        learned: Whether there is a learned part.
    """

    def __init__(self, items: int, width: int, given: Tensor | None, learned: bool) -> None:
        super().__init__()
        self.embedding = nn.Embedding(items, width) if learned else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.1)
        self.register_buffer("given", given)
        self.projection = nn.Linear(given.shape[1], width, bias=False) if given is not None else None

    def given_vectors(self) -> Tensor | None:
        """Returns the projected text vectors, items × width; None without a given part."""
        given: Tensor | None = self.projection(self.given) if self.projection is not None else None
        return given

    def item_vectors(self) -> Tensor:
        """Returns item vectors v, items × width."""
        given = self.given_vectors()
        if self.embedding is None:
            assert given is not None
            return given
        return self.embedding.weight if given is None else self.embedding.weight + given


def mean_vectors(vectors: Tensor, members: Tensor, starts: Tensor) -> Tensor:
    """Returns the mean vector of each set of items, for group and user embeddings.

    Args:
        vectors: Item vectors, items × width.
        members: Rows of items, set by set.
        starts: Start of each set. An empty set has the zero vector.

    Returns:
        Mean vectors, sets × width.
    """
    return functional.embedding_bag(members, vectors, starts, mode="mean")


def attention(users: Tensor, groups: Tensor) -> Tensor:
    """Returns the attention a, users × groups; rows sum to 1."""
    return torch.softmax(users @ groups.T, dim=1)
