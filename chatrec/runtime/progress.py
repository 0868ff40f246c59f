"""Progress of long work: a bar on a terminal, occasional lines in a task's log."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

LOG = logging.getLogger("chatrec")
SECONDS_BETWEEN_LINES = 10.0


class Progress(Protocol):
    """Receiver of progress."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Report `amount` more units as done; `note` is shown beside the bar."""


class Silent:
    """Progress that is not shown, for work within other work that shows progress."""

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Do nothing."""


@contextmanager
def progress(label: str, total: int, unit: str = "") -> Iterator[Progress]:
    """Show the progress of a piece of work.

    Args:
        label: Label, such as "Embedding items".
        total: Total units of work; 0 if unknown.
        unit: Name of the units, such as "texts".
    """
    if sys.stderr.isatty():
        with _bar(label, total) as shown:
            yield shown
    else:
        lines = _Lines(label, total, unit)
        yield lines
        lines.close()


@contextmanager
def _bar(label: str, total: int) -> Iterator[Progress]:
    columns = (
        TextColumn("  {task.description:<28}"),
        BarColumn(30),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=total or None, note="")

        class Bar:
            def advance(self, amount: int = 1, note: str = "") -> None:
                bars.update(task, advance=amount, note=note)

        yield Bar()


class _Lines:
    def __init__(self, label: str, total: int, unit: str) -> None:
        self.label, self.total, self.unit = label, total, unit
        self.done = 0
        self.note = ""
        self.started = self.last = time.monotonic()

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.done += amount
        self.note = note or self.note
        now = time.monotonic()
        if now - self.last >= SECONDS_BETWEEN_LINES:
            self.last = now
            self._say()

    def close(self) -> None:
        if self.last > self.started:
            self._say()

    def _say(self) -> None:
        of = f" of {self.total:,}" if self.total else ""
        note = f", {self.note}" if self.note else ""
        seconds = time.monotonic() - self.started
        rest = self.total - self.done
        left = f", about {seconds * rest / self.done:.0f} s left" if rest > 0 and self.done else ""
        LOG.info("%s: %s%s %s after %.0f s%s%s", self.label, f"{self.done:,}", of, self.unit, seconds, left, note)
