"""Features of a catalogue, by kind, with a weight for each kind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from chatrec.data.arrays import Array
from chatrec.extract.schema import ARRIVED_AT
from chatrec.features import fields, words

FEATURES_AT_MOST = 200_000
"""Maximum features of a kind; those in the most items are kept."""
COMMON = 0.2
"""Words in a larger share of the items are ignored."""
THE_LEAST_TO_COUNT = 50
"""Number of items from which COMMON applies."""
PLAIN = {"item_id", "title", "groups", "available", ARRIVED_AT}


@dataclass(frozen=True)
class Kind:
    """Features of one kind."""

    name: str
    matrix: csr_matrix
    """items × features, float32, rows of unit length or empty."""
    weight: float
    """Weight of the inner product of this kind."""


@dataclass(frozen=True)
class Features:
    """Features of all items, warm and cold."""

    kinds: tuple[Kind, ...] = ()

    @cached_property
    def joined(self) -> csr_matrix:
        """All kinds in one matrix, items × features; its inner products are weighted sums over the kinds."""
        return csr_matrix(hstack([np.sqrt(np.float32(kind.weight)) * kind.matrix for kind in self.kinds], "csr"))

    def kind(self, name: str) -> csr_matrix:
        """Features of one kind. The catalogue must have it."""
        return next(kind.matrix for kind in self.kinds if kind.name == name)

    @property
    def weight(self) -> float:
        """Largest possible inner product."""
        return sum(kind.weight for kind in self.kinds)


@dataclass(frozen=True)
class Texts:
    """Texts and numbers of the items, each field in the order of the items."""

    titles: list[str]
    groups: list[list[str]]
    bodies: list[str]
    """Further columns of text, joined."""
    numbers: dict[str, Array]
    """Further columns of numbers, by name."""

    @classmethod
    def of(cls, items: pl.DataFrame) -> Self:
        """Read a catalogue.

        Args:
            items: Title, groups and further columns, all of them text.
        """
        titles = items["title"].fill_null("").to_list()
        groups = [names or [] for names in items["groups"].to_list()]
        others = [name for name in items.columns if name not in PLAIN and items.schema[name] == pl.String]
        numbers = {name: values for name in others if (values := fields.numbers(items[name])) is not None}
        columns = [items[name].fill_null("").to_list() for name in others if name not in numbers]
        bodies = [". ".join(values) for values in zip(*columns, strict=True)] if columns else [""] * len(titles)
        return cls(titles, groups, bodies, numbers)

    @property
    def whole(self) -> list[str]:
        """Title, groups and body of each item."""
        labels = [" . ".join(names) for names in self.groups]
        return [" . ".join(parts) for parts in zip(self.titles, labels, self.bodies, strict=True)]


def features_of(items: pl.DataFrame) -> Features:
    """Compute the features of a catalogue.

    Args:
        items: Title, groups and further columns, all of them text.
    """
    texts = Texts.of(items)
    titles, groups, bodies, whole = texts.titles, texts.groups, texts.bodies, texts.whole
    kinds = [
        Kind("words", _tfidf(whole, words.words), 1.0),
        Kind("bigrams", _tfidf(whole, words.bigrams), 1.0),
        Kind("letters", _tfidf(titles, words.letters), 0.25),
        Kind("groups", _binary(groups), 2.0),
        Kind("rare groups", _tfidf(groups, list), 0.25),
        Kind("names", _tfidf(bodies, words.names), 1.0),
    ]
    year = fields.years(titles)
    kinds += [Kind(f"year ±{sd}", fields.bumps(year, sd), weight) for sd, weight in ((4, 1.0), (12, 0.25))]
    for name, values in texts.numbers.items():
        deviation = float(np.nanstd(values)) or 1.0
        kinds += [Kind(f"{name} ±{s}", fields.bumps(values, s * deviation), w) for s, w in ((0.2, 0.5), (0.6, 0.25))]
    return Features(tuple(kind for kind in kinds if kind.matrix.nnz))


def _tfidf(items: Sequence[str] | Sequence[list[str]], analyse: Callable[..., list[str]]) -> csr_matrix:
    """(1 + log tf) · idf of features in at least two items, rows of unit length."""
    counter = TfidfVectorizer(
        analyzer=analyse,
        sublinear_tf=True,
        min_df=2,
        max_df=COMMON if len(items) >= THE_LEAST_TO_COUNT else 1.0,
        max_features=FEATURES_AT_MOST,
        dtype=np.float32,
    )
    try:
        return csr_matrix(counter.fit_transform(items))
    except ValueError:  # raised by scikit-learn if no feature is left
        return csr_matrix((len(items), 1), dtype=np.float32)


def _binary(groups: list[list[str]]) -> csr_matrix:
    """One feature per group, rows of unit length."""
    names = {name: number for number, name in enumerate(sorted({name for own in groups for name in own}))}
    rows = [row for row, own in enumerate(groups) for _ in set(own)]
    columns = [names[name] for own in groups for name in sorted(set(own))]
    values = [len(set(own)) ** -0.5 for own in groups for _ in set(own)]
    return csr_matrix((np.array(values, np.float32), (rows, columns)), shape=(len(groups), max(len(names), 1)))
