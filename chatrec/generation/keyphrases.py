"""Words of texts in any script, and distinctive terms of groups of texts."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log

from chatrec.features.words import UNSPACED, UNSPACED_RUN

LETTER = rf"(?:(?![{UNSPACED}])[^\W\d_]|[\u0300-\u036f\u0900-\u0dff])"
WORD = rf"[{UNSPACED}]+|{LETTER}+(?:['’-]{LETTER}+)*"
_WORD = re.compile(WORD)
NGRAMS = range(2, 5)
LETTERS_OF_A_STEM = 5
LETTERS_OF_A_TERM = 3
CLEARLY_MORE_OFTEN, OFTEN = 2, 0.1
"""A distinctive term is more than this many times as frequent as elsewhere, and in this share of the group's texts."""
STEMS_OF_A_GROUP = 40


def unspaced(text: str) -> bool:
    """Whether a text has characters of a script without spaces."""
    return UNSPACED_RUN.search(text) is not None


def words(text: str) -> list[str]:
    """Words of a text in lower case; a run of a script without spaces is one word."""
    return _WORD.findall(text.casefold())


_ENGLISH = """
a about after again all also although an and another any are around as at away back be because become becomes been
before being between both but by can comes could decides did do does during each end even ever every finds first five
for four from get gets goes had has have having he he's her here herself him himself his how however i i'm if in into
is it it's its itself just last make makes many me more most must my named new next no not now of off on once one only
or other others our out over own same second see set several she she's should since so some still such take takes than
that that's the their them themselves then there there's these they they're this those three through to too tries try
trying two under until up us very was way we well were what what's when where whether which while who who's whom whose
why will with without would you you're your
"""
FUNCTION_WORDS = frozenset(words(_ENGLISH))
"""English stop words, which are never distinctive, even if a group has more of them (her, she)."""


def terms(text: str) -> Iterator[str]:
    """Words of a text without stop words; for scripts without spaces, n-grams of characters.

    N-grams make word segmentation unnecessary.
    """
    for word in words(text):
        if unspaced(word):
            yield from (word[start : start + n] for n in NGRAMS for start in range(len(word) - n + 1))
        elif word not in FUNCTION_WORDS:
            yield word


def stem(term: str) -> str:
    """Stem of a word: its first letters without a plural s. N-grams are returned unchanged."""
    if unspaced(term):
        return term
    return (term[:-1] if term.endswith("s") and len(term) > LETTERS_OF_A_TERM else term)[:LETTERS_OF_A_STEM]


def stems(text: str) -> set[str]:
    """Stems of the terms of a text."""
    return {stem(term) for term in terms(text)}


@dataclass(frozen=True)
class GroupTerms:
    """Distinctive terms of a group of texts."""

    stems: frozenset[str]
    """The most distinctive stems."""
    words: tuple[str, ...]
    """The most distinctive words in full, the best first; none is part of another."""
    own: frozenset[str]
    """Stems of all texts of the group."""


def distinctive_terms(groups: Sequence[Sequence[str]], most: int) -> list[GroupTerms]:
    """Distinctive terms of groups of texts.

    A term has the weight p log(p/q) (pointwise Kullback-Leibler divergence, Tomokiyo and Hurst 2003), where p is the
    share of the group's texts with the term and q that of the other texts. It is distinctive if p > 2q, which excludes
    terms common to all texts, in any language.

    Args:
        groups: Texts by group.
        most: Maximum number of words per group.
    """
    counted = [Counter(term for text in texts for term in stems(text)) for texts in groups]
    everywhere: Counter[str] = Counter()
    for count in counted:
        everywhere.update(count)
    total = sum(map(len, groups))
    distinctive = []
    for texts, count in zip(groups, counted, strict=True):
        weights = _weights(count, len(texts), everywhere, total)
        full = _in_full(texts, weights)
        ranked = sorted(weights, key=lambda term: (-weights[term], -len(full[term]), term))
        shown = tuple(_apart((full[term] for term in ranked), most))
        distinctive.append(GroupTerms(frozenset(ranked[:STEMS_OF_A_GROUP]), shown, frozenset(count)))
    return distinctive


def _weights(count: Counter[str], n: int, everywhere: Counter[str], total: int) -> dict[str, float]:
    """p log(p/q) of the distinctive terms of n of all texts; q is smoothed by half a text."""
    weights = {}
    for term, times in count.items():
        p, q = times / n, (everywhere[term] - times + 0.5) / (total - n + 1)
        if times >= min(2, n) and p >= OFTEN and p > CLEARLY_MORE_OFTEN * q:
            weights[term] = p * log(p / q)
    return weights


def _in_full(texts: Sequence[str], wanted: Iterable[str]) -> dict[str, str]:
    """Most frequent form of each stem."""
    forms: dict[str, Counter[str]] = {term: Counter() for term in wanted}
    for text in texts:
        for term in terms(text):
            if (short := stem(term)) in forms:
                forms[short][term] += 1
    return {term: min(counts, key=lambda form: (-counts[form], form)) for term, counts in forms.items()}


def _apart(ranked: Iterable[str], most: int) -> list[str]:
    """The first words that do not overlap: only one of 运动鞋, 运动 and 动鞋."""
    chosen: list[str] = []
    for word in ranked:
        if len(chosen) == most:
            break
        if len(word) >= LETTERS_OF_A_TERM or unspaced(word):
            chosen += [word] if not any(_overlap(word, other) for other in chosen) else []
    return chosen


def _overlap(one: str, other: str) -> bool:
    if unspaced(one) and unspaced(other):
        return bool({one[i : i + 2] for i in range(len(one) - 1)} & {other[i : i + 2] for i in range(len(other) - 1)})
    return one in other or other in one
