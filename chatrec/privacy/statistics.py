"""What is learned across users, released under noise: how popular items are, and which are taken by the same people.

With x_u the items that a user took, each once, and n_u their number,
    d = Σ_u x_u / √n_u + noise              popularity
    G = Σ_u x_u x_uᵀ / n_u + noise          pairs, of the items that are popular by d
nobody's part of either has a norm above 1 (Frobenius' for G), whatever they took. The noise of G is normal in the
coordinates in which symmetric matrices keep that norm, so an entry beside the diagonal has 1/√2 of its deviation. Both
together are one Gaussian mechanism (`chatrec.privacy.gaussian`), of whose precision popularity gets OF_POPULARITY.

Parts are whole multiples of GRID, rounded down, and so is the noise: their sums are exact in any order, and what a
release shows of a float's last bits says nothing (Mironov 2012, On significance of the least significant bits for
differential privacy).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.privacy.noise import Noise
from chatrec.runs.run import replacing

OF_POPULARITY = 0.15
PAIRS_UP_TO = 8_000
"""Items: memory and time go with the square of their number."""
GRID = 2.0**-14
"""Of the entries of a user's vector; those of a product are multiples of its square."""


@dataclass(frozen=True)
class Release:
    """Everything that lists may know of other users."""

    items: Array
    """Ids as text: of the catalogue when it was made."""
    popular: Array
    """d: float64, for each item; may be negative."""
    paired: Array
    """int32, ordered: the rows of the items of G."""
    pairs: Array
    """G: paired × paired, float32, symmetric."""
    deviation: float
    """s: of the noise of the whole mechanism."""

    @property
    def of_popular(self) -> float:
        """The deviation of the noise of d."""
        return _shared(self.deviation)[0]

    @property
    def of_pairs(self) -> float:
        """The deviation of the noise of G beside the diagonal."""
        return float(_shared(self.deviation)[1] / np.sqrt(2))

    def onto(self, items: Array) -> Self:
        """For another catalogue: what is gone is left out, of what is new nothing is known.

        Args:
            items: ids of that catalogue, as text.
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
        """Writes a file, which appears when it is whole."""
        above = np.triu_indices(len(self.paired))
        with replacing(file) as partial, partial.open("wb") as stream:
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
        """What `save` wrote."""
        with np.load(file) as found:
            paired, above = found["paired"], found["pairs"]
            pairs = np.zeros((len(paired), len(paired)), np.float32)
            pairs[np.triu_indices(len(paired))] = above
            pairs += np.triu(pairs, 1).T
            return cls(found["items"], found["popular"], paired, pairs, float(found["deviation"]))


def about(noise: Noise, run: str, histories: Interactions, items: Array, deviation: float) -> Noise:
    """The noise of a release: it depends on all that the release is made from, and on when.

    Args:
        noise: of the secret.
        run: the key of the run.
        histories: of all users.
        items: ids as text.
        deviation: of the noise.
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
    """Makes a release.

    Args:
        histories: of all users.
        items: ids as text.
        deviation: of the noise of the whole mechanism.
        noise: of this release, as `about` gives it.
    """
    of_popular, of_pairs = _shared(deviation)
    vectors = parts(histories, len(items))
    popular = np.asarray(vectors.sum(0)).ravel() + _on(GRID, of_popular * noise.normal("popular", len(items)))
    paired = np.sort(np.argsort(-popular, kind="stable")[:PAIRS_UP_TO]).astype(np.int32)
    vectors = parts(histories, len(items), paired)
    pairs = np.asarray((vectors.T @ vectors).todense())
    for row in range(len(paired)):
        drawn = noise.normal(f"pairs {row}", len(paired) - row)
        drawn[1:] /= np.sqrt(2)
        drawn = _on(GRID**2, of_pairs * drawn)
        pairs[row, row:] += drawn
        pairs[row + 1 :, row] += drawn[1:]
    return Release(items, popular, paired, pairs.astype(np.float32), deviation)


def parts(histories: Interactions, items: int, among: Array | None = None) -> csr_matrix:
    """Each user's vector x_u / √n_u, on GRID: users × items, float64, no row with a norm above 1.

    Args:
        histories: of all users.
        items: how many there are.
        among: rows of the items that count, which are the columns then; None for all.
    """
    users, rows = histories.distinct(items)
    taken = csr_matrix((np.ones(len(users)), (users, rows)), shape=(histories.users, items))
    taken = taken if among is None else taken[:, among]
    lengths = np.maximum(np.diff(taken.indptr), 1)
    return csr_matrix(diags_array(np.floor(lengths**-0.5 / GRID) * GRID) @ taken)


def _shared(deviation: float) -> tuple[float, float]:
    """The deviations of both parts, which together are as private as one."""
    return deviation * OF_POPULARITY**-0.5, deviation * (1 - OF_POPULARITY) ** -0.5


def _on(grid: float, values: Array) -> Array:
    rounded: Array = np.round(values / grid) * grid
    return rounded
