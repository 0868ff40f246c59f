"""Tokenise text of any language, without a dictionary.

Scripts without spaces between words give every character and every bigram of characters: 运动鞋 is 运, 动, 鞋, 运动 and
动鞋, so that it matches 跑步鞋 and 运动 anywhere in a text.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Characters of scripts that put no spaces between words: Thai, Lao, Burmese, Khmer, Japanese and Chinese."""
UNSPACED_RUN = re.compile(f"[{UNSPACED}]+")
LETTERS = (3, 4, 5)
SENTENCE = re.compile(r"[.,;:!?()\[\]\"“”/|·。，；：！？（）]+")


def normalised(text: str) -> str:
    """Normalise full-width letters, ligatures and case."""
    return unicodedata.normalize("NFKC", text).lower()


def words(text: str) -> list[str]:
    """Words of a text, in order. There are no stop words; idf weights the words."""
    tokens: list[str] = []
    for token in WORD.findall(normalised(text)):
        end = 0
        for run in UNSPACED_RUN.finditer(token):
            tokens.extend(_spaced(token[end : run.start()]))
            tokens.extend(run.group())
            tokens.extend(run.group()[i : i + 2] for i in range(len(run.group()) - 1))
            end = run.end()
        tokens.extend(_spaced(token[end:]))
    return tokens


def bigrams(text: str) -> list[str]:
    """Bigrams of words."""
    return [f"{left} {right}" for left, right in pairwise(words(text))]


def letters(text: str) -> list[str]:
    """Character n-grams of 3 to 5 letters within words, with word boundaries, which match sequels and spellings."""
    ngrams: list[str] = []
    for word in WORD.findall(normalised(text)):
        padded = f" {word} "
        ngrams.extend(padded[i : i + n] for n in LETTERS for i in range(len(padded) - n + 1))
    return ngrams


def names(text: str) -> list[str]:
    """Runs of two or more capitalised words within a sentence or enumeration: people, places, brands."""
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
