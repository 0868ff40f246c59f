"""Which items a search means: how many of its words, and parts of its words, an item has."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix, diags_array
from sklearn.feature_extraction.text import CountVectorizer

from chatrec.features import words
from chatrec.features.catalogue import Texts

OF_TEXT, OF_TITLE, OF_LETTERS = 0.5, 0.25, 0.25
"""What it counts to have a word anywhere, to have it in the title, and to have its letters in the title."""
AS_GOOD = 0.5
"""An item that has a smaller part of a query than this share of what the best item has is not meant."""


def matches(items: pl.DataFrame, queries: Sequence[str]) -> csr_matrix:
    """The square of the part of each query that an item has, where a word counts by its rarity.

    Args:
        items: title, groups and further columns, texts all.
        queries: what was searched for.

    Returns:
        queries × items, float32, 0 to 1, a row for each query.
    """
    if not queries or not len(items):
        return csr_matrix((len(queries), len(items)), dtype=np.float32)
    texts = Texts.of(items)
    parts = (
        OF_TEXT * _had(texts.whole, queries, words.words),
        OF_TITLE * _had(texts.titles, queries, words.words),
        OF_LETTERS * _had(texts.titles, queries, words.letters),
    )
    found = csr_matrix(sum(parts[1:], parts[0]))
    best = np.repeat(found.max(1).toarray().ravel(), np.diff(found.indptr))
    found.data = np.where(found.data >= AS_GOOD * best, np.square(found.data), 0).astype(np.float32)
    found.eliminate_zeros()
    return found


def _had(texts: Sequence[str], queries: Sequence[str], analyse: Callable[[str], list[str]]) -> csr_matrix:
    """Σ idf of the words that both have / Σ idf of those that the query and any item have: queries × items."""
    counter = CountVectorizer(analyzer=analyse, binary=True, dtype=np.float32)
    try:
        asked = csr_matrix(counter.fit_transform(queries))
    except ValueError:  # what scikit-learn says where there is nothing to count
        return csr_matrix((len(queries), len(texts)), dtype=np.float32)
    there = csr_matrix(counter.transform(texts))
    having = np.asarray(there.sum(0)).ravel()
    rarity = np.where(having > 0, np.log((1 + len(texts)) / (1 + having)) + 1, 0)
    weighed = asked @ diags_array(rarity)
    whole = np.maximum(np.asarray(weighed.sum(1)).ravel(), np.finfo(np.float32).tiny)
    return csr_matrix(diags_array(1 / whole) @ weighed @ there.T)
