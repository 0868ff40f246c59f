"""What a written text must be like to be shown: each check says why it refuses, in a word or two."""

import re
from collections.abc import Collection

from chatrec.generation.keyphrases import WORD, GroupTerms, stem, stems, terms, unspaced, words

CHARACTERS_OF_A_NAME, WORDS_OF_A_NAME = 32, 4
CHARACTERS_WITHOUT_SPACES = range(2, 13)
ONLY_WORDS = re.compile(rf"(?:{WORD})(?: (?:& )?(?:{WORD}))*")
AROUND = " \t\"'`*_“”‘’«»「」《》.。!！"
"""What models put around an answer."""
SENTENCE_END = re.compile(r"[.!。！]$")
CHARACTERS_OF_A_SENTENCE = 140
PHRASES = frozenset(
    words(
        "a after an and are be can choice consider could enjoy enjoyed fan fans for from give go good have here if in "
        "is it like liked look loved may maybe might next of on one our out pick picks see shelf some something "
        "suggestion take taste that the then this to try want we who with worth you your"
    )
) | frozenset("一也了些以会作可喜因为从他们看来如果的您你推荐欢试许过这还")
"""All that a blurb may say besides the two titles and the group: nothing here is a fact about an item."""
GAP = re.compile(r"(?<![A-Za-z])[XY](?![A-Za-z])")
LIKING = frozenset(("like", "liked", "loved", "enjoy", "enjoyed", "喜"))
HEDGES = frozenset(("if", "may", "maybe", "might", "could", "fan", "fans", "如", "许"))


def tidy_name(line: str) -> str:
    """A written name without what stands around it, beginning with a capital."""
    text = " ".join(line.split()).strip(AROUND)
    return text[:1].upper() + text[1:]


def refuse_name(name: str, about: GroupTerms, titles: Collection[str], taken: Collection[str]) -> str | None:
    """Why a text cannot be the name of a group; None if it can.

    Args:
        name: a tidy one.
        about: what tells the group from others.
        titles: of its members.
        taken: names of other groups.
    """
    if not name:
        return "nothing written"
    found = [stem(word) for word in words(name)]
    checks = (
        ("too long", _too_long(name)),
        ("not only words", ONLY_WORDS.fullmatch(name) is None),
        ("repeats itself", len(set(found)) < len(found) or _stutters(name)),
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
    """Whether the group has half of the words at least; of a script without spaces any part of one."""
    if unspaced(name):
        return bool(stems(name) & about.stems)
    found = stems(name)
    return 2 * len(found & about.stems) >= max(len(found), 1)


def _invents(name: str, about: GroupTerms) -> bool:
    """Whether a word occurs in none of the group's texts: a shop's own words are what it can be seen to say."""
    if unspaced(name):
        return not set("".join(words(name))) <= set("".join(about.own))
    return not stems(name) <= about.own


def _stutters(name: str) -> bool:
    """Whether two characters of a script without spaces come twice: 跑步跑步."""
    pairs = [term for term in terms(name) if len(term) == 2 and unspaced(term)]
    return len(set(pairs)) < len(pairs)


def _key(name: str) -> frozenset[str]:
    """Equal for a title and the same with its article elsewhere."""
    found = {stem(word) for word in words(name)}
    return frozenset(each for each in found if len(each) > 3 or unspaced(each)) or frozenset(found)


def refuse_sentence(sentence: str, group: str) -> str | None:
    """Why a sentence with gaps cannot be a blurb; None if it can.

    It may name the group, and says nothing else about what will stand in the gaps.

    Args:
        sentence: with X for what the user took and Y for what is recommended.
        group: its name.
    """
    gaps = GAP.findall(sentence)
    rest = re.sub(re.escape(group), " ", GAP.sub(" ", sentence), flags=re.IGNORECASE)
    said = {part for word in words(rest) for part in (word if unspaced(word) else [word])}
    checks = (
        ("too long", len(sentence) > CHARACTERS_OF_A_SENTENCE),
        ("no sentence", SENTENCE_END.search(sentence) is None),
        ("wrong gaps", gaps != ["X", "Y"]),
        ("says more", bool(said - PHRASES) or any(letter.isdigit() for letter in rest)),
        ("claims a liking", bool(said & LIKING) and not said & HEDGES),
    )
    return next((reason for reason, refused in checks if refused), None)
