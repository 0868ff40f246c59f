"""Blurbs: one line with the reason of a recommendation, which names the item, the event and the group only.

Small models alter titles or swap them. So the model writes one sentence with placeholders for each group, and the
titles are filled in.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from chatrec.generation.checks import GAP, refuse_sentence
from chatrec.generation.keyphrases import unspaced
from chatrec.generation.names import BETWEEN, shortened
from chatrec.generation.retries import draft
from chatrec.generation.writer import Writer
from chatrec.runs.results import WritingResult

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
    """The actual reason of a recommendation, as text."""

    item: str
    """Title of the recommended item."""
    because: str
    """Title of the event with the largest contribution to the score."""
    group: str
    """Name of the item's group with the user's attention."""

    @property
    def prompt(self) -> str:
        """Prompt that the model completes."""
        return f"{CHINESE_EXAMPLES if unspaced(self.group) else EXAMPLES}Shelf: {self.group}\nSentence:"

    def blurb(self, sentence: str | None) -> str:
        """Fill the titles into a sentence; without a sentence, the reason in a fixed form."""
        because, item = shortened(self.because), shortened(self.item)
        if sentence:
            return GAP.sub(lambda gap: because if gap.group() == "X" else item, sentence)
        if unspaced(item + because):
            return f"{item}（{self.group}），因为{because}。"
        return f"{item}, from {self.group}, because of {because}."


def write_blurbs(reasons: Sequence[Reason], writer: Writer) -> tuple[list[str], WritingResult]:
    """Write a blurb for each reason.

    Args:
        reasons: Distinct reasons. Groups of earlier reasons are written first.
        writer: Writer of the sentences.

    Returns:
        Blurbs in the order of the reasons; numbers of groups with a generated sentence and with the fallback, and why.
    """
    groups = {reason.prompt: reason.group for reason in reasons}

    def refuse(prompt: str, sentence: str, _: Collection[str]) -> str | None:
        return refuse_sentence(sentence, groups[prompt])

    prompts = [prompt for prompt, group in groups.items() if BETWEEN not in group]
    drafts = draft(writer, prompts, TOKENS_OF_A_SENTENCE, str.strip, refuse, "sentences")
    blurbs = [reason.blurb(drafts.accepted.get(reason.prompt)) for reason in reasons]
    return blurbs, drafts.result(unasked=len(groups) - len(prompts))
