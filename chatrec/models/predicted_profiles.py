"""Who would take an item, as its text foretells it: a second way in which items are alike.

A known item's behaviour is its column of X B, what EASE says of all users, in the `rank` directions in which columns
differ most. Kernel ridge regression carries behaviours from texts to all items; that of a known item is foretold by all
others (leave one out: y_i - α_i / (K⁻¹)_ii, Rasmussen and Williams 2006, eq. 5.12), so that known and new items are
foretold alike. Items with like behaviours are alike whatever words they share: what words are worth is learned
(stacking, Wolpert 1992).
"""

import numpy as np
from scipy.linalg import cho_solve, lapack
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array, unit

MORE, TURNS, SEED = 32, 3, 0
"""Of the search for directions: columns beside `rank`, turns, and the first guess, which matters little."""
EMPTY = 1e-9


def behaviour_profiles(taken: csr_matrix, weights: Array, rank: int) -> Array:
    """V S of X B = U S Vᵀ, by a randomised search (Halko, Martinsson and Tropp 2011): items × rank, float32.

    Args:
        taken: X, users × known items.
        weights: B, known × known.
        rank: how many directions.
    """
    width = min(rank + MORE, *taken.shape)
    basis = np.random.default_rng(SEED).standard_normal((len(weights), width), np.float32)
    for _ in range(TURNS):
        basis, _ = np.linalg.qr(weights.T @ (taken.T @ (taken @ (weights @ basis))))
    _, lengths, turned = np.linalg.svd(taken @ (weights @ basis), full_matrices=False)
    directions: Array = basis @ (turned.T * lengths)[:, :rank]
    return directions


def predict_profiles(similar: Array, known: Array, factor: Array, behaviour: Array, shrinkage: float) -> Array:
    """What texts say of everybody's behaviour: items × rank, float32, of unit length.

    Args:
        similar: K_w·, known × items.
        known: rows of the known items.
        factor: L of K_ww + noise = L Lᵀ, lower.
        behaviour: of the known items.
        shrinkage: what the mean variance of a direction counts beside its own when they are brought to one scale.
    """
    dual = cho_solve((factor, True), behaviour)
    inverse, _ = lapack.strtri(factor, lower=1)
    profiles: Array = similar.T @ dual
    profiles[known] = behaviour - dual / np.einsum("ij,ij->j", inverse, inverse)[:, None]
    profiles -= profiles[known].mean(0)
    variance = np.square(profiles).mean(0)
    profiles /= np.sqrt(variance + shrinkage * variance.mean() + EMPTY)
    return unit(profiles)
