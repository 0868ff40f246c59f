"""Words of any language, without a dictionary.

Scripts that put no spaces between words give every character and every pair of neighbours: 运动鞋 is 运, 动, 鞋, 运动
and 动鞋, so that it meets 跑步鞋 and 运动 wherever they stand.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
LETTERS = (3, 4, 5)
SENTENCE = re.compile(r"[.,;:!?()\[\]\"“”/|·。，；：！？（）]+")


def normalised(text: str) -> str:
    """One form for what reads the same: full-width letters, ligatures, capitals."""
    return unicodedata.normalize("NFKC", text).lower()


def words(text: str) -> list[str]:
    """The words of a text, in order; letters alone that say nothing included: rarity weighs them."""
    found: list[str] = []
    for token in WORD.findall(normalised(text)):
        end = 0
        for run in UNSPACED.finditer(token):
            found.extend(_spaced(token[end : run.start()]))
            found.extend(run.group())
            found.extend(run.group()[i : i + 2] for i in range(len(run.group()) - 1))
            end = run.end()
        found.extend(_spaced(token[end:]))
    return found


def bigrams(text: str) -> list[str]:
    """Pairs of neighbouring words."""
    return [f"{left} {right}" for left, right in pairwise(words(text))]


def letters(text: str) -> list[str]:
    """Runs of 3 to 5 letters within words, a space where a word begins or ends: sequels and spellings meet."""
    found: list[str] = []
    for word in WORD.findall(normalised(text)):
        padded = f" {word} "
        found.extend(padded[i : i + n] for n in LETTERS for i in range(len(padded) - n + 1))
    return found


def names(text: str) -> list[str]:
    """Two or more capitalised words in a row, within a sentence or an enumeration: people, places, brands."""
    return [name for part in SENTENCE.split(text) for name in _names(part)]


def _names(part: str) -> Iterator[str]:
    run: list[str] = []
    for word in [*part.split(), ""]:
        if word[:1].isupper():
            run.append(word)
            continue
        if len(run) > 1:
            yield normalised(" ".join(run))
        run = []


def _spaced(rest: str) -> list[str]:
    return [rest] if rest else []
