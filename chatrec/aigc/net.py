"""The user encoder of AIGC: GPT-2 blocks, sized for a catalogue, over the ordered history.

Pre-LN causal blocks over item vectors, with a learned bias per head and distance instead of position embeddings. The
input is √d · E[item]. The output h after a final LN is the user's vector after each event.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

INITIAL_SLOPE = 0.7
DISTANCE_POWER = 0.75


@dataclass(frozen=True)
class NetConfig:
    """Size and dropout of a network."""

    width: int
    layers: int = 2
    heads: int = 4
    window: int = 128
    """Number of events that it reads."""
    dropout: float = 0.1
    input_dropout: float = 0.0
    token_dropout: float = 0.1
    """Share of events dropped in training."""


class SequenceNet(nn.Module):
    """Network over histories of item vectors.

    Args:
        shape: Configuration of the network.
    """

    def __init__(self, shape: NetConfig) -> None:
        super().__init__()
        self.shape = shape
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)

    @property
    def matrices(self) -> list[nn.Parameter]:
        """Weights of the linear maps."""
        return [weights for name, weights in self.named_parameters() if name.endswith(".weight") and weights.ndim == 2]

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Returns user vectors after each event.

        Args:
            vectors: Item vectors, sequences × events × width, the oldest first.
            mask: Mask of events, bool, sequences × events; padding is False and at the end.

        Returns:
            User vectors, sequences × events × width.
        """
        shape = self.shape
        hidden = vectors * shape.width**0.5
        if self.training:
            kept = mask & (torch.rand(mask.shape, device=mask.device) >= shape.token_dropout)
            hidden = functional.dropout(hidden, shape.input_dropout) * kept[..., None]
        for layer in self.layers:
            hidden = layer(hidden)
        normed: Tensor = self.norm(hidden)
        return normed


class Layer(nn.Module):
    """Causal attention and a feed-forward network, each with a residual connection."""

    def __init__(self, shape: NetConfig) -> None:
        super().__init__()
        width = shape.width
        self.heads, self.dropout = shape.heads, shape.dropout
        self.before_attention, self.before_feed_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_attention, self.from_attention = nn.Linear(width, 3 * width), nn.Linear(width, width)
        wider, narrower = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.feed_forward = nn.Sequential(wider, nn.ReLU(), narrower)
        slopes = INITIAL_SLOPE * 2.0 ** -(1 + 2 * torch.arange(shape.heads))
        self.bias = nn.Parameter(-slopes[:, None] * torch.arange(shape.window) ** DISTANCE_POWER)
        for linear in (self.to_attention, self.from_attention, wider, narrower):
            nn.init.normal_(linear.weight, std=width**-0.5 / (1 if linear is self.to_attention else 2))
            nn.init.zeros_(linear.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Maps sequences × events × width to the same shape."""
        hidden = hidden + self._dropped(self.from_attention(self._attend(self.before_attention(hidden))))
        return hidden + self._dropped(self.feed_forward(self.before_feed_forward(hidden)))

    def _attend(self, hidden: Tensor) -> Tensor:
        sequences, events, width = hidden.shape
        parts = self.to_attention(hidden).view(sequences, events, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        distance = torch.arange(events)[:, None] - torch.arange(events)[None, :]
        bias = self.bias[:, distance.clamp(min=0)].masked_fill(distance < 0, -torch.inf)
        logits = torch.baddbmm(
            bias.repeat(sequences, 1, 1),
            queries.reshape(-1, events, width // self.heads),
            keys.reshape(-1, events, width // self.heads).transpose(1, 2),
            alpha=(width // self.heads) ** -0.5,
        )
        weights = torch.softmax(logits, -1)
        mixed = torch.bmm(weights, values.reshape(-1, events, width // self.heads))
        return mixed.view(sequences, self.heads, events, -1).transpose(1, 2).reshape(sequences, events, width)

    def _dropped(self, hidden: Tensor) -> Tensor:
        return functional.dropout(hidden, self.dropout, self.training)
