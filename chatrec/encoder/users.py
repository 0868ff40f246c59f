"""User vectors in the space of the items: encoded by the language model, or composed of item vectors."""

import numpy as np

from chatrec.config.encoder import UserText
from chatrec.data.arrays import Array, unit
from chatrec.data.interactions import Interactions

READ_AT_MOST = 5_000
"""Largest number of users whose histories are encoded on a CPU, with a small model."""
WEIGHTS_AT_MOST = 20_000_000
"""Largest number of parameters of a small model."""
USERS_OF_A_BLOCK = 8192


def encodes_histories(wanted: UserText, weights: int, device: str, users: int) -> bool:
    """Whether the language model encodes the histories of users.

    Args:
        wanted: `advanced.encoder.user_text`; "auto" encodes on a GPU, and on a CPU with a small model and few users.
        weights: Number of parameters of the model.
        device: Type of its device.
        users: Number of users with a history.
    """
    if wanted != "auto":
        return wanted == "read"
    return device == "cuda" or (users <= READ_AT_MOST and weights <= WEIGHTS_AT_MOST)


def compose(users: Array, items: Array, histories: Interactions, length: int) -> None:
    """Add histories to profile vectors, in place: unit(Σ_a v_a / (a + 1) / Σ_a 1 / (a + 1) + p).

    a is the age of an event, v_a the vector of its item, p the vector of the profile. This avoids encoding a text per
    user. The mean of item vectors as a user vector follows AlphaRec (Sheng et al. 2025, arXiv:2407.05441).

    Args:
        users: users × dimensions, vectors of profiles, zero for an empty profile.
        items: items × dimensions.
        histories: Interactions of the users. Users without any are unchanged.
        length: Number of latest events that count.
    """
    users_with_history = np.flatnonzero(histories.lengths > 0)
    for start in range(0, len(users_with_history), USERS_OF_A_BLOCK):
        block = users_with_history[start : start + USERS_OF_A_BLOCK]
        latest = histories.latest(block, length)
        weights = np.where(latest >= 0, 1 / (histories.latest_ages(block, length) + 1), 0).astype(np.float32)
        taken = np.einsum("ul,uld->ud", weights, items[latest]) / np.maximum(weights.sum(1, keepdims=True), 1e-9)
        users[block] = unit(taken + users[block])
