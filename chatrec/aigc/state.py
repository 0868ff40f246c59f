"""Fitted state of AIGC: small arrays that serve any history, including new ones."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from chatrec.aigc import formulas
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.users import NET, MeanUsers, SequenceUsers, UserEncoder
from chatrec.data.arrays import Array, log_softmax

FILE = "aigc.npz"
OUTPUT = ("group_of", "group_vectors", "group_bias")
"""Names of the arrays of a GroupOutput in FILE."""
RIDGE = 10.0


@dataclass(frozen=True)
class GroupOutput:
    """Two-level output layer: P(i|u) = softmax_k(uᵀg_k + c_k) · softmax_{j∈k}(uᵀv_j + b_j), i in group k."""

    group_of: Array
    """Group of each item."""
    vectors: Array
    """Group vectors g, groups × width."""
    bias: Array
    """Biases c of the groups."""

    def terms(self, users: Array, logits: Array) -> Array:
        """Returns the addition to the logits of a group's items: log a_k - log Σ_{j∈k} exp(logit_j), users × groups."""
        attention = log_softmax(users @ self.vectors.T + self.bias)
        largest = logits.max(1, keepdims=True)
        order = np.argsort(self.group_of, kind="stable")
        starts = np.searchsorted(self.group_of[order], np.arange(len(self.vectors)))
        sums = np.add.reduceat(np.exp(logits - largest)[:, order], starts, axis=1)
        terms: Array = attention - np.log(np.maximum(sums, np.finfo(np.float32).tiny)) - largest
        return terms


@dataclass(frozen=True)
class Fitted:
    """Result of a fit on histories."""

    items: Array
    """Item vectors v, items × width, float32."""
    bias: Array
    """Biases b of the items."""
    encoder: UserEncoder
    output: GroupOutput | None
    """None for one softmax over all items."""
    read: int
    """Number of training events, with repetitions."""
    losses: tuple[tuple[int, float], ...] = ()
    """For each batch the number of events read so far, and the mean loss of a position."""


@dataclass(frozen=True)
class AigcState:
    """Vectors of items and groups, the user encoder, and the map from profiles to user vectors."""

    items: Array
    """Item vectors v, items × width."""
    bias: Array
    """Biases b of the items."""
    groups: Array
    """Group vectors g, groups × width: the mean of the members' vectors."""
    profile: Array
    """Map from a profile's text vector and a 1 to a user vector, (dimensions + 1) × width."""
    encoder: UserEncoder
    output: GroupOutput | None = None
    """None for one softmax over all items."""

    def save(self, folder: Path) -> None:
        """Writes FILE, and the networks if there are any. Creates the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {"items": self.items, "bias": self.bias, "groups": self.groups, "profile": self.profile}
        if self.output is not None:
            output = (self.output.group_of, self.output.vectors, self.output.bias)
            arrays |= dict(zip(OUTPUT, output, strict=True))
        if isinstance(self.encoder, SequenceUsers):
            self.encoder.save(folder)
        arrays["length"] = np.asarray(self.encoder.length)
        np.savez(folder / FILE, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, folder: Path) -> "AigcState":
        """Loads a state written by `save`."""
        with np.load(folder / FILE) as arrays:
            is_net = (folder / NET).exists()
            return cls(
                arrays["items"],
                arrays["bias"],
                arrays["groups"],
                arrays["profile"],
                SequenceUsers.load(folder) if is_net else MeanUsers(int(arrays["length"])),
                GroupOutput(*(arrays[name] for name in OUTPUT)) if OUTPUT[0] in arrays else None,
            )

    def with_profile(self, profile: Array) -> "AigcState":
        """Returns a copy with another map from profiles."""
        return replace(self, profile=profile)

    def users(self, latest: Array) -> Array:
        """Returns user vectors u, users × width, from histories in the format of `Interactions.latest`."""
        return self.encoder.read(self.items, latest)

    def profile_vectors(self, profiles: Array) -> Array:
        """Returns user vectors u of users without a history, from their profiles: users × width."""
        vectors: Array = _with_one(profiles) @ self.profile
        return vectors

    def attention(self, users: Array) -> Array:
        """Returns the attention a, users × groups."""
        weights: Array = formulas.attention(torch.from_numpy(users), torch.from_numpy(self.groups)).numpy()
        return weights

    def logits(self, users: Array) -> Array:
        """Returns log P(i|u) up to a constant per user, users × items."""
        logits: Array = users @ self.items.T + self.bias
        if self.output is not None:
            logits += self.output.terms(users, logits)[:, self.output.group_of]
        return logits

    @cached_property
    def keys(self) -> Array:
        """Item vectors whose inner products with `queries` are the logits: [v; b; one-hot output group]."""
        parts = [self.items, self.bias[:, None]]
        if self.output is not None:
            parts.append(np.eye(len(self.output.vectors), dtype=np.float32)[self.output.group_of])
        return np.ascontiguousarray(np.hstack(parts), np.float32)

    def queries(self, users: Array) -> Array:
        """Returns user vectors for `keys`: [u; 1; terms of the groups]."""
        parts = [users, np.ones((len(users), 1), np.float32)]
        if self.output is not None:
            parts.append(self.output.terms(users, users @ self.items.T + self.bias))
        return np.ascontiguousarray(np.hstack(parts), np.float32)


def group_vectors(items: Array, groups: ItemGroups) -> Array:
    """Returns the mean of the members' vectors, groups × width."""
    members, starts = torch.tensor(groups.items, dtype=torch.long), torch.from_numpy(groups.starts[:-1])
    vectors: Array = formulas.mean_vectors(torch.from_numpy(items), members, starts).numpy()
    return vectors


def learn_profiles(profiles: Array, users: Array) -> Array:
    """Fits a ridge regression from profiles to user vectors.

    The last row is not shrunk. For centred profiles it is the user vector of an empty profile, close to the mean user.

    Args:
        profiles: Text vectors of users with a history, users × dimensions.
        users: Their user vectors, users × width.

    Returns:
        The map, (dimensions + 1) × width.
    """
    X = _with_one(profiles).astype(np.float64)
    shrink = np.full(X.shape[1], RIDGE)
    shrink[-1] = 1e-6
    return np.linalg.solve(X.T @ X + np.diag(shrink), X.T @ users).astype(np.float32)


def _with_one(profiles: Array) -> Array:
    return np.hstack([profiles, np.ones((len(profiles), 1), profiles.dtype)])
