"""GPT-2's vectors are nearly parallel: standardised, whitened, shortened and of unit length they tell texts apart.

Standardising takes away the few dimensions that dominate every cosine (Timkey and van Schijndel 2021,
arXiv:2109.04404); whitening is V/√(λ + s·λ̄) over the eigenvectors V and eigenvalues λ of the correlation
(Su et al. 2021, arXiv:2103.15316), and its shrinkage s keeps the noise of the smallest ones down.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from chatrec.config.encoder import Encoder as EncoderSettings
from chatrec.data.arrays import Array

PRETRAINED, CATALOGUE = (256, 10.0), (128, 0.1)
"""Dimensions and shrinkage for a pre-trained model, and for one that has read the catalogue alone."""


def chosen(settings: EncoderSettings, pretrained: bool) -> tuple[int, float]:
    """Dimensions and shrinkage, where the settings leave them open."""
    dimensions, shrinkage = PRETRAINED if pretrained else CATALOGUE
    return settings.dimensions or dimensions, settings.shrinkage or shrinkage


@dataclass(frozen=True)
class Whitening:
    """A map that was fitted on the items of a night and serves its users too."""

    mean: Array
    deviation: Array
    projection: Array
    """width × dimensions."""

    @classmethod
    def fit(cls, blocks: Iterable[Array], width: int, dimensions: int, shrinkage: float) -> "Whitening":
        """Learns the map.

        Args:
            blocks: texts × width, raw; one after the other, because all of them may be more than memory holds.
            width: of raw vectors.
            dimensions: length of the mapped vectors, at most the width.
            shrinkage: s.
        """
        count, mean, covariance = _moments(blocks, width)
        deviation = np.sqrt(np.diag(covariance)) if count else np.ones(width)
        deviation = np.where(deviation > 1e-9, deviation, 1.0)
        values, directions = np.linalg.eigh(covariance / np.outer(deviation, deviation))
        largest = np.argsort(values)[::-1][:dimensions]
        scale = 1 / np.sqrt(np.maximum(values[largest], 0) + shrinkage * max(values.mean(), 1e-9))
        return cls(mean, deviation, _fixed_signs(directions[:, largest]) * scale)

    def __call__(self, vectors: Array) -> Array:
        """texts × width, raw, to texts × dimensions of unit length, float32."""
        mapped = (vectors.astype(np.float64) - self.mean) / self.deviation @ self.projection
        length = np.linalg.norm(mapped, axis=1, keepdims=True)
        unit: Array = (mapped / np.where(length > 1e-9, length, 1.0)).astype(np.float32)
        return unit


def _moments(blocks: Iterable[Array], width: int) -> tuple[int, Array, Array]:
    """How many vectors, their mean and their covariance, each block merged into what came before.

    Chan, Golub and LeVeque 1983 (The American Statistician 37(3), eq. 2.1) for more than one dimension: nothing is lost
    where means are large against deviations, as with GPT-2.
    """
    count, mean, scatter = 0, np.zeros(width), np.zeros((width, width))
    for block in blocks:
        own = block.astype(np.float64)
        own_mean = own.mean(0) if len(own) else mean
        own -= own_mean
        apart = own_mean - mean
        scatter += own.T @ own + np.outer(apart, apart) * (count * len(own) / max(count + len(own), 1))
        mean = mean + apart * (len(own) / max(count + len(own), 1))
        count += len(own)
    return count, mean, scatter / max(count, 1)


def _fixed_signs(directions: Array) -> Array:
    """An eigenvector's sign is arbitrary: its largest entry is made positive."""
    largest = np.abs(directions).argmax(0)
    fixed: Array = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    return fixed
