"""Checks of generated texts. A refusal gives the reason in a word or two."""

import re
from collections.abc import Collection

from chatrec.generation.keyphrases import WORD, GroupTerms, stem, stems, terms, unspaced, words

CHARACTERS_OF_A_NAME, WORDS_OF_A_NAME = 32, 4
CHARACTERS_WITHOUT_SPACES = range(2, 13)
ONLY_WORDS = re.compile(rf"(?:{WORD})(?: (?:& )?(?:{WORD}))*")
AROUND = " \t\"'`*_“”‘’«»「」《》.。!！"
"""Characters that models put around an answer."""
SENTENCE_END = re.compile(r"[.!。！]$")
CHARACTERS_OF_A_SENTENCE = 140
PHRASES = frozenset(
    words(
        "a after an and are be can choice consider could enjoy enjoyed fan fans for from give go good have here if in "
        "is it like liked look loved may maybe might next of on one our out pick picks see shelf some something "
        "suggestion take taste that the then this to try want we who with worth you your"
    )
) | frozenset("一也了些以会作可喜因为从他们看来如果的您你推荐欢试许过这还")
"""Words allowed in a blurb besides the titles and the group; none of them states a fact about an item."""
GAP = re.compile(r"(?<![A-Za-z])[XY](?![A-Za-z])")
LIKING = frozenset(("like", "liked", "loved", "enjoy", "enjoyed", "喜"))
HEDGES = frozenset(("if", "may", "maybe", "might", "could", "fan", "fans", "如", "许"))


def tidy_name(line: str) -> str:
    """Strip surrounding characters from a generated name and capitalise it."""
    text = " ".join(line.split()).strip(AROUND)
    return text[:1].upper() + text[1:]


def refuse_name(name: str, about: GroupTerms, titles: Collection[str], taken: Collection[str]) -> str | None:
    """Reason to refuse a name of a group, or None.

    Args:
        name: Name, as returned by `tidy_name`.
        about: Distinctive terms of the group.
        titles: Titles of its members.
        taken: Names of other groups.
    """
    if not name:
        return "nothing written"
    stemmed = [stem(word) for word in words(name)]
    checks = (
        ("too long", _too_long(name)),
        ("not only words", ONLY_WORDS.fullmatch(name) is None),
        ("repeats itself", len(set(stemmed)) < len(stemmed) or _stutters(name)),
        ("a title", _key(name) in {_key(title) for title in titles}),
        ("unrelated", not _related(name, about)),
        ("invents words", _invents(name, about)),
        ("taken", _key(name) in {_key(other) for other in taken}),
    )
    return next((reason for reason, refused in checks if refused), None)


def _too_long(name: str) -> bool:
    if unspaced(name):
        return len(name) not in CHARACTERS_WITHOUT_SPACES
    return len(name) > CHARACTERS_OF_A_NAME or len(name.split()) > WORDS_OF_A_NAME


def _related(name: str, about: GroupTerms) -> bool:
    """Whether at least half of the words are terms of the group; in a script without spaces, any n-gram."""
    if unspaced(name):
        return bool(stems(name) & about.stems)
    stemmed = stems(name)
    return 2 * len(stemmed & about.stems) >= max(len(stemmed), 1)


def _invents(name: str, about: GroupTerms) -> bool:
    """Whether a word occurs in none of the group's texts: names use the shop's own words."""
    if unspaced(name):
        return not set("".join(words(name))) <= set("".join(about.own))
    return not stems(name) <= about.own


def _stutters(name: str) -> bool:
    """Whether a bigram of a script without spaces occurs twice: 跑步跑步."""
    pairs = [term for term in terms(name) if len(term) == 2 and unspaced(term)]
    return len(set(pairs)) < len(pairs)


def _key(name: str) -> frozenset[str]:
    """Key that is equal for titles that differ in the position of the article."""
    stemmed = {stem(word) for word in words(name)}
    return frozenset(part for part in stemmed if len(part) > 3 or unspaced(part)) or frozenset(stemmed)


def refuse_sentence(sentence: str, group: str) -> str | None:
    """Reason to refuse a sentence with placeholders as a blurb, or None.

    A sentence may name the group, and nothing else about the items.

    Args:
        sentence: Sentence with X for the user's item and Y for the recommended item.
        group: Name of the group.
    """
    gaps = GAP.findall(sentence)
    rest = re.sub(re.escape(group), " ", GAP.sub(" ", sentence), flags=re.IGNORECASE)
    parts = {part for word in words(rest) for part in (word if unspaced(word) else [word])}
    checks = (
        ("too long", len(sentence) > CHARACTERS_OF_A_SENTENCE),
        ("no sentence", SENTENCE_END.search(sentence) is None),
        ("wrong gaps", gaps != ["X", "Y"]),
        ("says more", bool(parts - PHRASES) or any(letter.isdigit() for letter in rest)),
        ("claims a liking", bool(parts & LIKING) and not parts & HEDGES),
    )
    return next((reason for reason, refused in checks if refused), None)
