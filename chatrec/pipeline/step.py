"""A step: its name, its dependencies, and the function that performs it."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name

from chatrec.pipeline.context import Context
from chatrec.runs.results import StepResult

StepFunction = Callable[[Context], StepResult]
"""Reads the files of the steps before, writes files into the folder of its own step, and returns its result."""


@dataclass(frozen=True)
class Step:
    """One step of a run."""

    name: str
    needs: tuple[str, ...]
    """Names of the steps whose files it reads."""
    settings: tuple[str, ...]
    """Settings that change its result: whole sections with their tables under `advanced`, or single keys."""
    function: str
    """The function as `module:name`, imported when the step is performed, because Airflow parses the steps frequently
    and their functions need large libraries."""
    title: str
    reusable: bool = True
    """Whether its result depends only on settings and the files of the steps before. Then the files of an earlier run
    with the same inputs are reused."""
    is_final: bool = False
    """Whether it takes effect outside the run's files, so that an error afterwards does not undo it."""
    options: tuple[str, ...] = ()
    """Options of a run that change its result."""

    def perform(self, context: Context) -> StepResult:
        """Imports the function and calls it."""
        function: StepFunction = resolve_name(self.function)
        return function(context)
