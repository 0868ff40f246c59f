"""AIGC from public texts only, for private runs, which train nothing across users."""

import numpy as np

from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.mean import HISTORY
from chatrec.aigc.state import AigcState, group_vectors
from chatrec.aigc.users import MeanUsers
from chatrec.data.arrays import Array


def of_texts(texts: Array, groups: ItemGroups) -> AigcState:
    """Makes a state of text vectors: items, users as the mean of their latest items, cold users as their profile.

    Args:
        texts: Text vectors, items × dimensions.
        groups: Groups of the items.
    """
    width = texts.shape[1]
    profile = np.vstack([np.eye(width, dtype=np.float32), np.zeros((1, width), np.float32)])
    nothing = np.zeros(len(texts), np.float32)
    return AigcState(texts.astype(np.float32), nothing, group_vectors(texts, groups), profile, MeanUsers(HISTORY))
