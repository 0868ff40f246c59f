"""What AIGC knows after a night's fit: small arrays that serve any history, an old one or a new one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from chatrec.aigc import model
from chatrec.aigc.fit import user_vectors
from chatrec.aigc.groups import ItemGroups
from chatrec.source.snapshot import Array

FILE = "aigc.npz"
RIDGE = 10.0


@dataclass(frozen=True)
class AigcState:
    """Vectors of items and groups, and what a profile says about a user without a history."""

    items: Array
    """v: items × width."""
    given: Array
    """The part of v that the text says: items × width, zero without a given part."""
    groups: Array
    """g: groups × width."""
    profile: Array
    """(dimensions + 1) × width: from a profile's text vector and a 1 to a user vector."""

    def save(self, folder: Path) -> None:
        """Writes FILE."""
        np.savez(folder / FILE, items=self.items, given=self.given, groups=self.groups, profile=self.profile)

    @classmethod
    def load(cls, folder: Path) -> "AigcState":
        """What `save` wrote."""
        with np.load(folder / FILE) as arrays:
            return cls(**{name: arrays[name] for name in ("items", "given", "groups", "profile")})

    def users(self, latest: Array) -> Array:
        """u of users with a history: users × width. `latest` as `Histories.latest` gives it."""
        return user_vectors(self.items, latest)

    def strangers(self, profiles: Array) -> Array:
        """u of users without a history, as far as their profiles say: users × width."""
        found: Array = _with_one(profiles) @ self.profile
        return found

    def attention(self, users: Array) -> Array:
        """a: users × groups."""
        found: Array = model.attention(torch.from_numpy(users), torch.from_numpy(self.groups)).numpy()
        return found


def group_vectors(items: Array, groups: ItemGroups) -> Array:
    """g: the mean of the members' vectors, groups × width."""
    members, starts = torch.tensor(groups.items, dtype=torch.long), torch.from_numpy(groups.starts[:-1])
    found: Array = model.mean_vectors(torch.from_numpy(items), members, starts).numpy()
    return found


def learn_profiles(profiles: Array, users: Array) -> Array:
    """Ridge regression from profiles to user vectors: (dimensions + 1) × width.

    The last row, which is not shrunk, is what an empty profile gets when all profiles are centred: about the mean user.

    Args:
        profiles: users × dimensions, text vectors of users who have a history.
        users: users × width, their user vectors.
    """
    X = _with_one(profiles).astype(np.float64)
    shrink = np.full(X.shape[1], RIDGE)
    shrink[-1] = 1e-6
    return np.linalg.solve(X.T @ X + np.diag(shrink), X.T @ users).astype(np.float32)


def _with_one(profiles: Array) -> Array:
    return np.hstack([profiles, np.ones((len(profiles), 1), profiles.dtype)])
