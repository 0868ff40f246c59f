"""Retry generation until a line passes its check."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from chatrec.generation.writer import Writer
from chatrec.runs.results import WritingResult
from chatrec.runtime.progress import progress

ATTEMPTS = 3
Refuse = Callable[[str, str, Collection[str]], str | None]
"""Function of a prompt, a line and the accepted lines; returns the reason to refuse the line, or None."""


@dataclass
class Drafts:
    """Accepted lines, and reasons of refusals."""

    accepted: dict[str, str] = field(default_factory=dict)
    """Accepted lines by prompt."""
    refused: dict[str, str] = field(default_factory=dict)
    """Last reason by prompt; the writer's `trouble` if it wrote nothing."""

    def result(self, unasked: int) -> WritingResult:
        """Numbers of accepted lines and of fallbacks, and why; `unasked` further lines had no prompt."""
        why = Counter(self.refused.values()) + Counter({"not asked": unasked})
        return WritingResult(len(self.accepted), why.total(), dict(sorted(why.items())))


def draft(
    writer: Writer, prompts: Sequence[str], tokens: int, tidy: Callable[[str], str], refuse: Refuse, what: str
) -> Drafts:
    """Generate lines that pass a check.

    Args:
        writer: Writer of the lines.
        prompts: Distinct prompts; lines are checked in their order.
        tokens: Maximum tokens of a line.
        tidy: Function applied to a line before the check.
        refuse: The check.
        what: Kind of lines, such as "names".
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
