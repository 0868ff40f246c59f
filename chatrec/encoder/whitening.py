"""Whitening of raw vectors: standardise, whiten, truncate and normalise to unit length.

Raw vectors of GPT-2 are nearly parallel. Standardising removes the few dimensions that dominate every cosine (Timkey
and van Schijndel 2021, arXiv:2109.04404). Whitening is V/√(λ + s·λ̄) over the eigenvectors V and eigenvalues λ of the
correlation (Su et al. 2021, arXiv:2103.15316); the shrinkage s damps the noise of the smallest eigenvalues.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chatrec.config.encoder import EncoderConfig
from chatrec.data.arrays import Array, unit


def chosen(settings: EncoderConfig, defaults: tuple[int, float]) -> tuple[int, float]:
    """Dimensions and shrinkage of the settings, or else their defaults."""
    dimensions, shrinkage = defaults
    return settings.dimensions or dimensions, settings.shrinkage or shrinkage


@dataclass(frozen=True)
class Whitening:
    """A map fitted on the items of a run and applied to its items and users."""

    mean: Array
    deviation: Array
    projection: Array
    """width × dimensions."""

    @classmethod
    def fit(cls, blocks: Iterable[Array], width: int, dimensions: int, shrinkage: float) -> "Whitening":
        """Fit the map.

        Args:
            blocks: Raw vectors in blocks, each texts × width; all of them need not fit into memory.
            width: Length of a raw vector.
            dimensions: Length of the mapped vectors, at most the width.
            shrinkage: Shrinkage s.
        """
        count, mean, covariance = _moments(blocks, width)
        deviation = np.sqrt(np.diag(covariance)) if count else np.ones(width)
        deviation = np.where(deviation > 1e-9, deviation, 1.0)
        values, directions = np.linalg.eigh(covariance / np.outer(deviation, deviation))
        largest = np.argsort(values)[::-1][:dimensions]
        scale = 1 / np.sqrt(np.maximum(values[largest], 0) + shrinkage * max(values.mean(), 1e-9))
        return cls(mean, deviation, _fixed_signs(directions[:, largest]) * scale)

    def __call__(self, vectors: Array) -> Array:
        """Map raw vectors, texts × width, to vectors of unit length, texts × dimensions, float32."""
        mapped = (vectors.astype(np.float64) - self.mean) / self.deviation @ self.projection
        return unit(mapped).astype(np.float32)


def _moments(blocks: Iterable[Array], width: int) -> tuple[int, Array, Array]:
    """Number, mean and covariance of vectors, updated block by block.

    Chan, Golub and LeVeque 1983 (The American Statistician 37(3), eq. 2.1) in several dimensions: accurate where means
    are large against deviations, as with GPT-2.
    """
    count, mean, scatter = 0, np.zeros(width), np.zeros((width, width))
    for block in blocks:
        own = block.astype(np.float64)
        own_mean = own.mean(0) if len(own) else mean
        own -= own_mean
        difference = own_mean - mean
        scatter += own.T @ own + np.outer(difference, difference) * (count * len(own) / max(count + len(own), 1))
        mean = mean + difference * (len(own) / max(count + len(own), 1))
        count += len(own)
    return count, mean, scatter / max(count, 1)


def _fixed_signs(directions: Array) -> Array:
    """Fix the arbitrary sign of eigenvectors: the largest entry of each becomes positive."""
    largest = np.abs(directions).argmax(0)
    fixed: Array = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    return fixed
