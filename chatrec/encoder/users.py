"""What a user likes, as a vector of the same space as the items': read by the language model, or composed."""

import numpy as np

from chatrec.config.encoder import UserText
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions

READ_AT_MOST = 5_000
"""Users whose histories a CPU reads, if the model is small."""
WEIGHTS_AT_MOST = 20_000_000
"""Of a small model."""
USERS_OF_A_BLOCK = 8192


def is_read(wanted: UserText, weights: int, device: str, users: int) -> bool:
    """Whether the language model reads what users took.

    Args:
        wanted: `encoder.user_text`; auto reads on a GPU, and where a small model has few users to read.
        weights: how many parameters the model has.
        device: the type of its device.
        users: how many have a history.
    """
    if wanted != "auto":
        return wanted == "read"
    return device == "cuda" or (users <= READ_AT_MOST and weights <= WEIGHTS_AT_MOST)


def compose(users: Array, items: Array, histories: Interactions, length: int) -> None:
    """Adds what users took to what their profiles say, in place: unit(Σ_a v_a / (a + 1) / Σ_a 1 / (a + 1) + p).

    a is the age of an event, v the vector of its item, p that of the profile. A text that was never put together costs
    nothing to read; the mean of item vectors as a user is that of AlphaRec (Sheng et al. 2025, arXiv:2407.05441).

    Args:
        users: users × dimensions, vectors of profiles, zero where there is nothing to say.
        items: items × dimensions.
        histories: what users took; who took nothing stays as it is.
        length: how many of the latest events count.
    """
    known = np.flatnonzero(histories.lengths > 0)
    harmonic = (1 / (np.arange(length) + 1)).astype(np.float32)
    for start in range(0, len(known), USERS_OF_A_BLOCK):
        block = known[start : start + USERS_OF_A_BLOCK]
        latest = histories.latest(block, length)
        weights = np.where(latest >= 0, harmonic, 0)
        taken = np.einsum("ul,uld->ud", weights, items[latest]) / np.maximum(weights.sum(1, keepdims=True), 1e-9)
        users[block] = _unit(taken + users[block])


def _unit(vectors: Array) -> Array:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Array = vectors / np.where(length > 1e-9, length, 1)
    return unit
