"""Names of groups of items: generated from distinctive words of their central members, or these words themselves."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import chain

from chatrec.generation.checks import refuse_name, tidy_name
from chatrec.generation.keyphrases import GroupTerms, unspaced
from chatrec.generation.retries import draft
from chatrec.generation.writer import Writer
from chatrec.runs.results import WritingResult

CHARACTERS_OF_A_TITLE = 60
BETWEEN = " · "
"""Separator of the words of a name that was not generated."""
WORDS_OF_A_PROMPT, WORDS_OF_A_FALLBACK = 5, 3
WORDS_NEEDED = 3
"""A group with fewer distinctive words is too mixed for a generated name."""
TOKENS_OF_A_NAME = 12
BRACKETS = re.compile(r"(?:\s*[(\[（【][^)\]）】]*[)\]）】])+$")
EXAMPLES = """\
Typical words of a group of things, and a short name for the group.

Words: chocolate, cream, oven, sugar
Name: Sweet baking

Words: fitness, outdoor, training
Name: Sports gear

Words: blood, ghost, horror, night
Name: Scary ghost stories

Words: garden, plants, soil, water
Name: Gardening

Words: guitar, music, singer, stage
Name: Music and concerts

Words: city, detective, murder, police
Name: Crime in the city

"""
CHINESE_EXAMPLES = """\
一组商品的常用词，以及这组商品的简短名称。

Words: 奶油, 巧克力, 烤箱
Name: 甜点烘焙

Words: 健身, 户外, 训练
Name: 运动装备

Words: 园艺, 植物, 花盆
Name: 花园植物

"""


@dataclass(frozen=True)
class Group:
    """A group to name."""

    titles: tuple[str, ...]
    """Titles of members, the most central first."""
    terms: GroupTerms
    """Distinctive terms of their texts."""

    @property
    def prompt(self) -> str:
        """Prompt that the model completes.

        Words are in alphabetical order, so that a small change of the group changes neither prompt nor name. Titles are
        left out, because small models would continue to list titles.
        """
        words = sorted(self.terms.words[:WORDS_OF_A_PROMPT])
        examples = CHINESE_EXAMPLES if unspaced("".join(words)) else EXAMPLES
        return f"{examples}Words: {', '.join(words)}\nName:"


def shortened(title: str) -> str:
    """Shorten a title: without trailing brackets, such as a year, and truncated if very long."""
    short = BRACKETS.sub("", title).strip() or title
    return short if len(short) <= CHARACTERS_OF_A_TITLE else f"{short[: CHARACTERS_OF_A_TITLE - 1].rstrip()}…"


def name_groups(groups: Sequence[Group], writer: Writer) -> tuple[list[str], WritingResult]:
    """Name groups, with distinct names.

    Args:
        groups: All groups of the run.
        writer: Writer of the names. If no line of it passes the checks, a group is named by its distinctive terms.

    Returns:
        Names in the order of the groups; numbers of generated names and of fallbacks, and why.
    """
    order = sorted(range(len(groups)), key=lambda k: groups[k].prompt)  # independent of the numbering by k-means
    prompts = {groups[k].prompt: k for k in order if len(groups[k].terms.words) >= WORDS_NEEDED}

    def refuse(prompt: str, name: str, taken: Collection[str]) -> str | None:
        group = groups[prompts[prompt]]
        return refuse_name(name, group.terms, group.titles, taken)

    drafts = draft(writer, list(prompts), TOKENS_OF_A_NAME, tidy_name, refuse, "names")
    names = {prompts[prompt]: name for prompt, name in drafts.accepted.items()}
    for k in order:
        if k not in names:
            names[k] = _of_terms(groups[k], {name.casefold() for name in names.values()})
    return [names[k] for k in range(len(groups))], drafts.result(unasked=len(groups) - len(prompts))


def _of_terms(group: Group, taken: set[str]) -> str:
    """The first distinctive terms, more of them if the name is taken; without terms, the most central title."""
    words = group.terms.words
    candidates = [BETWEEN.join(words[:n]) for n in range(min(WORDS_OF_A_FALLBACK, len(words)), len(words) + 1) if n]
    candidates += [short for title in group.titles if (short := shortened(title))]
    numbered = (f"group {number}" for number in range(1, len(taken) + 2))
    return next(name for name in chain(candidates, numbered) if name.casefold() not in taken)
