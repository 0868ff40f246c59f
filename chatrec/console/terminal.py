"""The terminal: its console, and a line for each step of a run."""

from typing import TYPE_CHECKING

from rich.console import Console

from chatrec.console.labels import summary
from chatrec.runs.run import Manifest

if TYPE_CHECKING:
    from chatrec.pipeline.step import Step


def console(stderr: bool = False) -> Console:
    """Returns a console. Outside a terminal its width is 160, so that lines are not cut in a pipe."""
    interactive = Console(stderr=stderr, highlight=False)
    return interactive if interactive.is_terminal else Console(stderr=stderr, highlight=False, width=160)


class StepLines:
    """Prints a line for each step of a run; a watcher for `chatrec.pipeline.run`."""

    def __init__(self) -> None:
        self.console = console(stderr=True)

    def __call__(self, step: "Step", manifest: Manifest | None) -> None:
        """Prints the start or the end of a step."""
        if manifest is None:
            if self.console.is_terminal:
                self.console.print(f"[dim]…[/] {step.title}", end="\r")
            return
        self.console.print(
            f"[green]✓[/] {step.title:<31} {manifest.seconds:6.1f} s  [dim]{summary(manifest.result)}[/]"
        )
