"""User encoders: the mean of the latest items, as in the original AIGC formula, or a network that reads the history."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from chatrec.aigc.net import NetConfig, SequenceNet
from chatrec.data.arrays import Array, take

NET = "net.pt"
EVENTS_AT_ONCE = 16_384


class UserEncoder(Protocol):
    """Maps histories to user vectors."""

    @property
    def length(self) -> int:
        """Number of latest events that it reads."""

    def read(self, items: Array, latest: Array) -> Array:
        """Returns user vectors.

        Args:
            items: Item vectors, items × width.
            latest: Rows of items, users × events, the newest first, padded with -1.

        Returns:
            User vectors as float32, users × width; zero for users without a history.
        """

    def contributions(self, items: Array, latest: Array, wanted: Array) -> Array | None:
        """Returns the contribution of each event to the inner products with items; see `Model.contributions`."""


@dataclass(frozen=True)
class MeanUsers:
    """Mean user vectors: u = 1/|H| Σ_{j∈H} v_j."""

    length: int

    def read(self, items: Array, latest: Array) -> Array:
        """Implements `UserEncoder.read`."""
        latest = latest[:, : self.length]
        padded = np.vstack([items, np.zeros((1, items.shape[1]), items.dtype)])
        counts = np.maximum((latest >= 0).sum(1, keepdims=True), 1)
        total = np.zeros((len(latest), items.shape[1]), items.dtype)
        for column in latest.T:
            total += padded[column]
        means: Array = total / counts.astype(items.dtype)
        return means

    def contributions(self, items: Array, latest: Array, wanted: Array) -> Array:
        """Returns v_jᵀv_i over the number of events, for each event j."""
        mine = (np.arange(latest.shape[1]) < self.length) & (latest >= 0)
        products = np.einsum("und,ued->une", items[wanted], items[latest])
        means: Array = np.where(mine[:, None, :], products, 0) / np.maximum(mine.sum(1), 1)[:, None, None]
        return means


@dataclass(frozen=True)
class SequenceUsers:
    """User vectors of networks: their outputs after the newest event, concatenated, over the number of networks.

    An item vector has one part per network, so that inner products are the mean over networks.
    """

    networks: tuple[SequenceNet, ...]
    """Networks of the same shape."""

    @property
    def length(self) -> int:
        """Number of latest events that they read."""
        return self.networks[0].shape.window

    @torch.no_grad()
    def read(self, items: Array, latest: Array) -> Array:
        """Implements `UserEncoder.read`."""
        latest = latest[:, : self.length]
        parts = np.split(items, len(self.networks), axis=1)
        read = [_read(net, torch.from_numpy(part), latest) for net, part in zip(self.networks, parts, strict=True)]
        return np.hstack(read) / np.float32(len(read))

    def contributions(self, items: Array, latest: Array, wanted: Array) -> None:
        """Returns None, because the output of a network is not a sum over events."""
        return

    def save(self, folder: Path) -> None:
        """Writes NET."""
        weights = [net.state_dict() for net in self.networks]
        torch.save({"shape": asdict(self.networks[0].shape), "weights": weights}, folder / NET)

    @classmethod
    def load(cls, folder: Path) -> "SequenceUsers":
        """Loads networks written by `save`."""
        saved = torch.load(folder / NET, weights_only=True)
        networks = tuple(SequenceNet(NetConfig(**saved["shape"])) for _ in saved["weights"])
        for net, weights in zip(networks, saved["weights"], strict=True):
            net.load_state_dict(weights)
        return cls(networks)


def _read(net: SequenceNet, vectors: torch.Tensor, latest: Array) -> Array:
    """Returns user vectors, users × width; zero for users without a history."""
    net.eval()
    lengths = (latest >= 0).sum(1)
    outputs = np.zeros((len(latest), vectors.shape[1]), np.float32)
    for rows in _of_like_length(lengths):
        longest = int(lengths[rows].max())
        back = lengths[rows][:, None] - 1 - np.arange(longest)  # the oldest first, padding at the end
        events = take(latest[rows], back, -1)
        mask = torch.from_numpy(events >= 0)
        hidden = net(vectors[torch.from_numpy(np.maximum(events, 0)).long()], mask)
        outputs[rows] = hidden[torch.arange(len(rows)), torch.from_numpy(lengths[rows] - 1)].numpy()
    return outputs


def _of_like_length(lengths: Array) -> Iterator[Array]:
    """Yields rows with histories of similar length, in batches of about EVENTS_AT_ONCE events including padding."""
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    while len(order):
        count = max(1, EVENTS_AT_ONCE // int(lengths[order[-1]]))
        yield order[-count:]
        order = order[:-count]
