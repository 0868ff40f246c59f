"""One line for a reason of a recommendation: it names the item, the event and the group, and says nothing else.

A small model cannot be trusted with titles: it changes them, or swaps the two. So it writes one sentence with gaps for
each group, and the titles are filled in.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chatrec.generation.checks import GAP, refuse_sentence
from chatrec.generation.keyphrases import unspaced
from chatrec.generation.names import BETWEEN, shortened
from chatrec.generation.retries import draft
from chatrec.generation.writer import Writer
from chatrec.runs.run import Counts

TOKENS_OF_A_SENTENCE = 40
EXAMPLES = """\
One sentence that suggests Y to somebody who liked X. It says nothing else about X and Y.

Shelf: Sweet baking
Sentence: If you liked X, take a look at Y from our Sweet baking shelf.

Shelf: Sports gear
Sentence: After X, you may enjoy Y, one of our picks in Sports gear.

Shelf: Gardening
Sentence: Here is something in Gardening for fans of X: Y.

"""
CHINESE_EXAMPLES = """\
用一句话把Y推荐给喜欢X的人，不说别的。

Shelf: 运动装备
Sentence: 如果您喜欢X，也可以看看运动装备的Y。

Shelf: 甜点烘焙
Sentence: 看过X的您，也许会喜欢甜点烘焙的Y。

"""


@dataclass(frozen=True)
class Reason:
    """The honest reason of a recommendation, in words."""

    item: str
    """Title of what is recommended."""
    because: str
    """Title of the event that adds most to its score."""
    group: str
    """Name of the item's group that the user attends to."""

    @property
    def prompt(self) -> str:
        """What the model goes on with."""
        return f"{CHINESE_EXAMPLES if unspaced(self.group) else EXAMPLES}Shelf: {self.group}\nSentence:"

    def blurb(self, sentence: str | None) -> str:
        """The sentence with the titles in its gaps; without one, the plain reason."""
        because, item = shortened(self.because), shortened(self.item)
        if sentence:
            return GAP.sub(lambda gap: because if gap.group() == "X" else item, sentence)
        if unspaced(item + because):
            return f"{item}（{self.group}），因为{because}。"
        return f"{item}, from {self.group}, because of {because}."


def write_blurbs(reasons: Sequence[Reason], writer: Writer) -> tuple[list[str], Counts]:
    """A blurb for each reason.

    Args:
        reasons: distinct ones; the groups of earlier ones come first, if time is short.
        writer: what may write.

    Returns:
        The blurbs in the order of the reasons; for how many groups a sentence was generated, for how many the plain one
        took its place, and why.
    """
    groups = {reason.prompt: reason.group for reason in reasons}

    def refuse(prompt: str, sentence: str, _: Collection[str]) -> str | None:
        return refuse_sentence(sentence, groups[prompt])

    asked = [prompt for prompt, group in groups.items() if BETWEEN not in group]
    drafts = draft(writer, asked, TOKENS_OF_A_SENTENCE, str.strip, refuse, "sentences")
    blurbs = [reason.blurb(drafts.accepted.get(reason.prompt)) for reason in reasons]
    return blurbs, {"blurbs": len(blurbs), **drafts.counts("sentences", unasked=len(groups) - len(asked))}
