"""GPT-2's vectors are nearly parallel: standardised, whitened, shortened and of unit length they tell texts apart.

Standardising takes away the few dimensions that dominate every cosine (Timkey and van Schijndel 2021,
arXiv:2109.04404); whitening is V/√(λ + .1·λ̄) over the eigenvectors V and eigenvalues λ of the correlation
(Su et al. 2021, arXiv:2103.15316), its shrinkage keeps the noise of the smallest ones down.
"""

from dataclasses import dataclass

import numpy as np

from chatrec.source.snapshot import Array

SHRINKAGE = 0.1


@dataclass(frozen=True)
class Whitening:
    """A map that was fitted on the items of a night and serves its users too."""

    mean: Array
    deviation: Array
    projection: Array
    """width × dimensions."""

    @classmethod
    def fit(cls, vectors: Array, dimensions: int) -> "Whitening":
        """Learns the map.

        Args:
            vectors: texts × width, raw.
            dimensions: length of the mapped vectors, at most the width.
        """
        raw = vectors.astype(np.float64)
        mean = raw.mean(0) if len(raw) else np.zeros(raw.shape[1])
        deviation = raw.std(0) if len(raw) else np.ones(raw.shape[1])
        deviation = np.where(deviation > 1e-9, deviation, 1.0)
        standard = (raw - mean) / deviation
        values, directions = np.linalg.eigh(standard.T @ standard / max(len(raw), 1))
        largest = np.argsort(values)[::-1][:dimensions]
        scale = 1 / np.sqrt(np.maximum(values[largest], 0) + SHRINKAGE * max(values.mean(), 1e-9))
        return cls(mean, deviation, _fixed_signs(directions[:, largest]) * scale)

    def __call__(self, vectors: Array) -> Array:
        """texts × width, raw, to texts × dimensions of unit length, float32."""
        mapped = (vectors.astype(np.float64) - self.mean) / self.deviation @ self.projection
        length = np.linalg.norm(mapped, axis=1, keepdims=True)
        unit: Array = (mapped / np.where(length > 1e-9, length, 1.0)).astype(np.float32)
        return unit


def _fixed_signs(directions: Array) -> Array:
    """An eigenvector's sign is arbitrary: its largest entry is made positive."""
    largest = np.abs(directions).argmax(0)
    fixed: Array = directions * np.sign(directions[largest, np.arange(directions.shape[1])])
    return fixed
