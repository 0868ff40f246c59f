"""Asking a writer again until what it writes passes the checks."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from chatrec.generation.writer import Writer
from chatrec.runs.run import Counts
from chatrec.runtime.progress import progress

ATTEMPTS = 3
Refuse = Callable[[str, str, Collection[str]], str | None]
"""Of a prompt, a line, and the lines accepted before: why the line is refused, or None."""


@dataclass
class Drafts:
    """What was accepted, and why the rest was not."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Lines by prompt."""
    refused: dict[str, str] = field(default_factory=dict)
    """The last reason by prompt; that of the writer where it wrote nothing."""

    def counts(self, what: str, unasked: int = 0) -> Counts:
        """How many were accepted, how many were not, and why.

        Args:
            what: was written, such as "names".
            unasked: how many were wanted beside these and could not be asked for.
        """
        why = Counter(self.refused.values()) + Counter({"not asked": unasked})
        return {
            f"{what} generated": len(self.accepted),
            f"{what} fallen back": why.total(),
            f"why {what} fell back": dict(sorted(why.items())),
        }


def draft(
    writer: Writer, prompts: Sequence[str], tokens: int, tidy: Callable[[str], str], refuse: Refuse, what: str
) -> Drafts:
    """Lines that pass a check.

    Args:
        writer: what writes.
        prompts: different ones; what belongs to earlier ones is checked first.
        tokens: most tokens of a line.
        tidy: what is done to a line before it is checked.
        refuse: the check.
        what: is written, such as "names".
    """
    drafts = Drafts()
    with progress(f"Writing {what}", len(prompts), what) as shown:
        for attempt in range(ATTEMPTS):
            left = [prompt for prompt in prompts if prompt not in drafts.accepted]
            lines = writer.lines(left, tokens, attempt)
            for prompt in left:
                if prompt not in lines:
                    drafts.refused.setdefault(prompt, writer.trouble)
                    continue
                line = tidy(lines[prompt])
                if why := refuse(prompt, line, drafts.accepted.values()):
                    drafts.refused[prompt] = why
                else:
                    drafts.accepted[prompt] = line
                    drafts.refused.pop(prompt, None)
                    shown.advance()
    return drafts
