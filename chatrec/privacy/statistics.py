"""Statistics across users, released under noise: popularity of items, and co-occurrence of items.

With x_u the binary vector of a user's distinct items and n_u their number,
    d = Σ_u x_u / √n_u + noise              popularity
    G = Σ_u x_u x_uᵀ / n_u + noise          co-occurrence of the items that are most popular by d
each user's part of either has a norm of at most 1 (Frobenius norm for G). The noise of G is normal in coordinates of
symmetric matrices that preserve this norm, so off-diagonal entries have 1/√2 of its standard deviation. Together they
are one Gaussian mechanism (`chatrec.privacy.gaussian`), of whose precision popularity gets OF_POPULARITY.

Parts are multiples of GRID, rounded down, and so is the noise: sums are exact in any order, and the least significant
bits of a release reveal nothing (Mironov 2012, On significance of the least significant bits for differential privacy).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.errors import ArtifactError
from chatrec.privacy.noise import Noise
from chatrec.runs.sealed import sealed, sealing

OF_POPULARITY = 0.15
PAIRS_UP_TO = 8_000
"""Maximum items of G; memory and time are quadratic in their number."""
GRID = 2.0**-14
"""Grid of the entries of a user's vector; entries of a product are multiples of its square."""


@dataclass(frozen=True)
class Release:
    """A private release: the only data of other users that private models use."""

    items: Array
    """Item ids as text, of the catalogue at the time of the release."""
    popular: Array
    """d, float64, one value per item; may be negative."""
    paired: Array
    """int32, ascending: rows of the items of G."""
    pairs: Array
    """G: paired × paired, float32, symmetric."""
    deviation: float
    """Standard deviation s of the noise of the whole mechanism."""

    @property
    def popularity_deviation(self) -> float:
        """Standard deviation of the noise of d."""
        return _shared(self.deviation)[0]

    @property
    def pairs_deviation(self) -> float:
        """Standard deviation of the noise of off-diagonal entries of G."""
        return float(_shared(self.deviation)[1] / np.sqrt(2))

    def onto(self, items: Array) -> Self:
        """Map the release to another catalogue: removed items are dropped, new items have no statistics.

        Args:
            items: Item ids of that catalogue, as text.
        """
        row_of = {item: row for row, item in enumerate(items.tolist())}
        rows = np.array([row_of.get(item, -1) for item in self.items.tolist()], np.int64)
        popular = np.zeros(len(items))
        popular[rows[rows >= 0]] = self.popular[rows >= 0]
        paired = rows[self.paired]
        kept = np.flatnonzero(paired >= 0)
        kept = kept[np.argsort(paired[kept])]
        pairs = (
            self.pairs if len(kept) == len(paired) and (np.diff(kept) == 1).all() else self.pairs[np.ix_(kept, kept)]
        )
        return type(self)(items, popular, paired[kept].astype(np.int32), pairs, self.deviation)

    def save(self, file: Path) -> None:
        """Write the release, sealed under the path of a file."""
        above = np.triu_indices(len(self.paired))
        with sealing(file) as partial, partial.open("wb") as stream:
            np.savez(
                stream,
                allow_pickle=False,
                items=self.items,
                popular=self.popular,
                paired=self.paired,
                pairs=self.pairs[above],
                deviation=np.asarray(self.deviation),
            )

    @classmethod
    def load(cls, file: Path) -> Self:
        """Load a release from the path of `save`.

        Raises:
            ArtifactError: If it is missing or damaged.
        """
        stored = sealed(file)
        if stored is None:
            raise ArtifactError(f"The release {file} is missing or damaged: restore it from a backup.", file)
        with np.load(stored) as arrays:
            paired, above = arrays["paired"], arrays["pairs"]
            pairs = np.zeros((len(paired), len(paired)), np.float32)
            pairs[np.triu_indices(len(paired))] = above
            pairs += np.triu(pairs, 1).T
            return cls(arrays["items"], arrays["popular"], paired, pairs, float(arrays["deviation"]))


def about(noise: Noise, run: str, histories: Interactions, items: Array, deviation: float) -> Noise:
    """Derive the noise of a release from all its inputs and its run.

    Args:
        noise: Noise of the secret.
        run: Key of the run.
        histories: Interactions of all users.
        items: Item ids as text.
        deviation: Standard deviation of the noise.
    """
    users, rows = histories.distinct(len(items))
    return noise.about(
        run.encode(),
        users.astype("<i8").tobytes(),
        rows.astype("<i8").tobytes(),
        "\n".join(items.tolist()).encode(),
        repr((histories.users, deviation, OF_POPULARITY, PAIRS_UP_TO, GRID)).encode(),
    )


def make(histories: Interactions, items: Array, deviation: float, noise: Noise) -> Release:
    """Compute a release.

    Args:
        histories: Interactions of all users.
        items: Item ids as text.
        deviation: Standard deviation of the noise of the whole mechanism.
        noise: Noise of this release, as returned by `about`.
    """
    popularity_deviation, pairs_deviation = _shared(deviation)
    vectors = parts(histories, len(items))
    popular = np.asarray(vectors.sum(0)).ravel() + _on(GRID, popularity_deviation * noise.normal("popular", len(items)))
    paired = np.sort(np.argsort(-popular, kind="stable")[:PAIRS_UP_TO]).astype(np.int32)
    vectors = parts(histories, len(items), paired)
    pairs = np.asarray((vectors.T @ vectors).todense())
    for row in range(len(paired)):
        drawn = noise.normal(f"pairs {row}", len(paired) - row)
        drawn[1:] /= np.sqrt(2)
        drawn = _on(GRID**2, pairs_deviation * drawn)
        pairs[row, row:] += drawn
        pairs[row + 1 :, row] += drawn[1:]
    return Release(items, popular, paired, pairs.astype(np.float32), deviation)


def parts(histories: Interactions, items: int, among: Array | None = None) -> csr_matrix:
    """Vectors x_u / √n_u of all users, on GRID: users × items, float64, with rows of norm at most 1.

    Args:
        histories: Interactions of all users.
        items: Number of items.
        among: Rows of the items that count, which become the columns; None for all.
    """
    users, rows = histories.distinct(items)
    taken = csr_matrix((np.ones(len(users)), (users, rows)), shape=(histories.users, items))
    taken = taken if among is None else taken[:, among]
    lengths = np.maximum(np.diff(taken.indptr), 1)
    return csr_matrix(diags_array(np.floor(lengths**-0.5 / GRID) * GRID) @ taken)


def _shared(deviation: float) -> tuple[float, float]:
    """Standard deviations of both parts, which together are as private as one release with `deviation`."""
    return deviation * OF_POPULARITY**-0.5, deviation * (1 - OF_POPULARITY) ** -0.5


def _on(grid: float, values: Array) -> Array:
    rounded: Array = np.round(values / grid) * grid
    return rounded
