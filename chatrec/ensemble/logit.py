"""Weights of a conditional logit (McFadden 1974): P(i | user) = softmax over candidates of Σ_c w_c l_c(i), w ≥ 0."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from chatrec.data.arrays import Array, BoolArray, FloatArray, IntArray, log_softmax

PENALTY = 1e-3
PRIOR_USERS = 50.0
"""Number of users whose choices count as much as the prior."""


@dataclass(frozen=True)
class Choices:
    """Candidates of users with their log shares and choices."""

    features: FloatArray
    """Log shares as float32, users × candidates × models."""
    mask: BoolArray
    """Mask of candidates that are not padding, bool, users × candidates."""
    chosen: FloatArray
    """Share of each candidate among the items that the user took, float32, users × candidates; 0 if not taken."""

    def of(self, users: IntArray, models: list[int]) -> "Choices":
        """Selects users and models."""
        return Choices(self.features[users][:, :, models], self.mask[users], self.chosen[users])


def fit_weights(choices: Choices, prior: FloatArray | None = None) -> Array:
    """Fits weights by penalised maximum likelihood, with a normal prior: few users change it little.

    Args:
        choices: Candidates and choices of users.
        prior: Mean of the prior, a weight for each model; None for no prior.

    Returns:
        Weights of the models, float64. Without choices they are those of the prior, or uniform.
    """
    models = choices.features.shape[2]
    strength, start = (0.0, np.full(models, 1 / max(models, 1))) if prior is None else (PRIOR_USERS, prior)
    if not choices.mask.any():
        return start
    features, chosen = choices.features[choices.mask], choices.chosen[choices.mask]
    starts = np.flatnonzero(np.diff(np.repeat(np.arange(len(choices.mask)), choices.mask.sum(1)), prepend=-1))
    result = minimize(
        lambda weights: _loss(weights, features, chosen, starts, start, strength),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * models,
    )
    weights: FloatArray = result.x
    return weights


def log_likelihoods(choices: Choices, weights: FloatArray) -> Array:
    """Returns the log-likelihood of each user's choices."""
    scores = np.where(choices.mask, choices.features @ weights.astype(np.float32), -np.inf)
    likelihoods: FloatArray = (choices.chosen * np.where(choices.mask, log_softmax(scores), 0)).sum(1)
    return likelihoods


def _loss(
    weights: FloatArray,
    features: FloatArray,
    chosen: FloatArray,
    starts: IntArray,
    prior: FloatArray,
    prior_users: float,
) -> tuple[float, Array]:
    """Returns the mean loss per user and its gradient. Users are concatenated, from `starts` on."""
    lengths = np.diff(starts, append=len(chosen))
    scores = features @ weights.astype(np.float32)
    scores -= np.repeat(np.maximum.reduceat(scores, starts), lengths)
    shares = np.exp(scores)
    totals = np.add.reduceat(shares, starts)
    shares *= np.repeat(np.add.reduceat(chosen, starts) / totals, lengths)
    loss = np.dot(np.add.reduceat(chosen, starts), np.log(totals)) - np.dot(chosen, scores)
    gradient = (shares - chosen) @ features
    away, strength = weights - prior, prior_users / len(starts)
    return (
        float(loss) / len(starts) + PENALTY * float((weights**2).sum()) + strength / 2 * float((away**2).sum()),
        gradient.astype(np.float64) / len(starts) + 2 * PENALTY * weights + strength * away,
    )
