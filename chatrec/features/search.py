"""Match search queries and items by words and parts of words."""

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix, diags_array
from sklearn.feature_extraction.text import CountVectorizer

from chatrec.features import words
from chatrec.features.catalogue import Texts

OF_TEXT, OF_TITLE, OF_LETTERS = 0.5, 0.25, 0.25
"""Weights of a match of words anywhere, of words in the title, and of letters in the title."""
MIN_SHARE_OF_BEST = 0.5
"""Items with less than this fraction of the best match of a query do not match."""


def matches(items: pl.DataFrame, queries: Sequence[str]) -> csr_matrix:
    """Squared share of each query that an item contains, with words weighted by idf.

    Args:
        items: Title, groups and further columns, all of them text.
        queries: Search queries.

    Returns:
        queries × items, float32, from 0 to 1.
    """
    if not queries or not len(items):
        return csr_matrix((len(queries), len(items)), dtype=np.float32)
    texts = Texts.of(items)
    parts = (
        OF_TEXT * _idf_overlap(texts.whole, queries, words.words),
        OF_TITLE * _idf_overlap(texts.titles, queries, words.words),
        OF_LETTERS * _idf_overlap(texts.titles, queries, words.letters),
    )
    shares = csr_matrix(sum(parts[1:], parts[0]))
    best = np.repeat(shares.max(1).toarray().ravel(), np.diff(shares.indptr))
    shares.data = np.where(shares.data >= MIN_SHARE_OF_BEST * best, np.square(shares.data), 0).astype(np.float32)
    shares.eliminate_zeros()
    return shares


def _idf_overlap(texts: Sequence[str], queries: Sequence[str], analyse: Callable[[str], list[str]]) -> csr_matrix:
    """Σ idf of the common words / Σ idf of the query's words that any item has: queries × items."""
    counter = CountVectorizer(analyzer=analyse, binary=True, dtype=np.float32)
    try:
        counts = csr_matrix(counter.fit_transform(queries))
    except ValueError:  # raised by scikit-learn if there are no words
        return csr_matrix((len(queries), len(texts)), dtype=np.float32)
    present = csr_matrix(counter.transform(texts))
    having = np.asarray(present.sum(0)).ravel()
    rarity = np.where(having > 0, np.log((1 + len(texts)) / (1 + having)) + 1, 0)
    weighted = counts @ diags_array(rarity)
    whole = np.maximum(np.asarray(weighted.sum(1)).ravel(), np.finfo(np.float32).tiny)
    return csr_matrix(diags_array(1 / whole) @ weighted @ present.T)
