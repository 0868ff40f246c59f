"""The features of a catalogue, kind by kind, weighed by what each kind is worth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from chatrec.data.arrays import Array
from chatrec.features import fields, words

FEATURES_AT_MOST = 200_000
"""Of one kind: those in most items."""
COMMON = 0.2
"""A word of more items tells nothing apart."""
THE_LEAST_TO_COUNT = 50
"""Items; among fewer nothing is common."""
PLAIN = {"item_id", "title", "groups", "available"}


@dataclass(frozen=True)
class Kind:
    """Features of one kind."""

    name: str
    matrix: csr_matrix
    """items × features, float32, rows of unit length or empty."""
    weight: float
    """What an inner product of this kind counts among those of other kinds."""


@dataclass(frozen=True)
class Features:
    """Of all items, known and new."""

    kinds: tuple[Kind, ...] = ()

    @cached_property
    def joined(self) -> csr_matrix:
        """items × features of all kinds; inner products are weighted sums of those of the kinds."""
        return csr_matrix(hstack([np.sqrt(np.float32(kind.weight)) * kind.matrix for kind in self.kinds], "csr"))

    @property
    def weight(self) -> float:
        """The largest inner product that there can be."""
        return sum(kind.weight for kind in self.kinds)


@dataclass(frozen=True)
class Texts:
    """What items say, each field in the order of the items."""

    titles: list[str]
    groups: list[list[str]]
    bodies: list[str]
    """Further columns but numbers."""
    numbers: dict[str, Array]
    """Columns of numbers, by name."""

    @classmethod
    def of(cls, items: pl.DataFrame) -> Self:
        """Reads a catalogue.

        Args:
            items: title, groups and further columns, texts all.
        """
        titles = items["title"].fill_null("").to_list()
        groups = [each or [] for each in items["groups"].to_list()]
        others = [name for name in items.columns if name not in PLAIN and items.schema[name] == pl.String]
        numbers = {name: values for name in others if (values := fields.numbers(items[name])) is not None}
        columns = [items[name].fill_null("").to_list() for name in others if name not in numbers]
        bodies = [". ".join(each) for each in zip(*columns, strict=True)] if columns else [""] * len(titles)
        return cls(titles, groups, bodies, numbers)

    @property
    def whole(self) -> list[str]:
        """Title, groups and body."""
        labels = [" . ".join(each) for each in self.groups]
        return [" . ".join(parts) for parts in zip(self.titles, labels, self.bodies, strict=True)]


def features_of(items: pl.DataFrame) -> Features:
    """Reads the catalogue.

    Args:
        items: title, groups and further columns, texts all.
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
    """(1 + log tf) · idf of what at least two items have, rows of unit length."""
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
    except ValueError:  # what scikit-learn says where nothing is left to count
        return csr_matrix((len(items), 1), dtype=np.float32)


def _binary(groups: list[list[str]]) -> csr_matrix:
    """One feature for each group, rows of unit length."""
    names = {name: number for number, name in enumerate(sorted({name for own in groups for name in own}))}
    rows = [row for row, own in enumerate(groups) for _ in set(own)]
    columns = [names[name] for own in groups for name in sorted(set(own))]
    values = [len(set(own)) ** -0.5 for own in groups for _ in set(own)]
    return csr_matrix((np.array(values, np.float32), (rows, columns)), shape=(len(groups), max(len(names), 1)))
