"""Predicted behaviour profiles of items: a learned similarity of texts.

The behaviour profile of a warm item is its column of X B, the scores of EASE for all users, projected to the `rank`
largest principal directions. Kernel ridge regression predicts profiles of all items from texts. The profile of a warm
item is predicted from all others (leave-one-out: y_i - α_i / (K⁻¹)_ii, Rasmussen and Williams 2006, "Gaussian Processes
for Machine Learning", eq. 5.12), so that profiles of warm and cold items are comparable. Items with similar predicted
profiles are similar even without a common term (stacking, Wolpert 1992, "Stacked Generalization").
"""

import numpy as np
from scipy.linalg import cho_solve, lapack
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array, unit

OVERSAMPLING, ITERATIONS, SEED = 32, 3, 0
"""Parameters of the randomised SVD: columns beyond `rank`, power iterations, and the seed of the first basis."""
EMPTY = 1e-9


def behaviour_profiles(interactions: csr_matrix, weights: Array, rank: int) -> Array:
    """Returns V S of the truncated SVD X B = U S Vᵀ, warm items × rank, float32.

    Randomised SVD: Halko, Martinsson and Tropp 2011, "Finding Structure with Randomness".

    Args:
        interactions: X, users × warm items.
        weights: B, warm items × warm items.
        rank: Number of directions.
    """
    width = min(rank + OVERSAMPLING, *interactions.shape)
    basis = np.random.default_rng(SEED).standard_normal((len(weights), width), np.float32)
    for _ in range(ITERATIONS):
        basis, _ = np.linalg.qr(weights.T @ (interactions.T @ (interactions @ (weights @ basis))))
    _, lengths, directions = np.linalg.svd(interactions @ (weights @ basis), full_matrices=False)
    profiles: Array = basis @ (directions.T * lengths)[:, :rank]
    return profiles


def predict_profiles(similar: Array, warm_items: Array, factor: Array, behaviour: Array, shrinkage: float) -> Array:
    """Returns the profiles predicted from texts, items × rank, float32, of unit length.

    Args:
        similar: K_w·, warm items × items.
        warm_items: Rows of the warm items.
        factor: L of K_ww + D = L Lᵀ, lower.
        behaviour: Behaviour profiles of the warm items, warm items × rank.
        shrinkage: Weight of the mean variance, relative to a direction's own, when directions are scaled.
    """
    dual = cho_solve((factor, True), behaviour)
    inverse, _ = lapack.strtri(factor, lower=1)
    profiles: Array = similar.T @ dual
    profiles[warm_items] = behaviour - dual / np.einsum("ij,ij->j", inverse, inverse)[:, None]
    profiles -= profiles[warm_items].mean(0)
    variance = np.square(profiles).mean(0)
    profiles /= np.sqrt(variance + shrinkage * variance.mean() + EMPTY)
    return unit(profiles)
