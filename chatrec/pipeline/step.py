"""A step: its name, what it depends on, and where the function is that performs it."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name

from chatrec.pipeline.context import Context
from chatrec.runs.results import StepResult

StepFunction = Callable[[Context], StepResult]
"""Reads the files of the steps before it, writes files into the folder of its own step and returns its result."""


@dataclass(frozen=True)
class Step:
    """One step of a run."""

    name: str
    needs: tuple[str, ...]
    """The steps whose files it reads."""
    settings: tuple[str, ...]
    """The settings that change what it does: whole sections with their tables under `advanced`, or single keys."""
    function: str
    """The function as `module:name`, imported when the step is performed: Airflow parses the steps all the time, and
    their functions need heavy libraries."""
    title: str
    reusable: bool = True
    """Whether settings and the files of the steps before alone decide what it writes: then an earlier run's files that
    were made from the same inputs are taken, instead of making them again."""
    options: tuple[str, ...] = ()
    """The options of a run that change what it does."""

    def perform(self, context: Context) -> StepResult:
        """Imports the function and calls it."""
        function: StepFunction = resolve_name(self.function)
        return function(context)
