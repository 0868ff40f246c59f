"""Steps name their functions, which are imported when they are performed."""

from pkgutil import resolve_name
from typing import get_type_hints

import pytest

from chatrec.pipeline import evaluation, finetune
from chatrec.pipeline.context import Context
from chatrec.pipeline.step import Step
from chatrec.pipeline.steps import STEPS
from chatrec.runs.results import KINDS, STEP_RESULTS

ALL = {step.function: step for step in (*STEPS, *evaluation.STEPS, *finetune.STEPS)}


@pytest.mark.parametrize("step", ALL.values(), ids=ALL)
def test_every_step_names_a_function_of_a_context_with_a_result_of_its_own(step: Step) -> None:
    hints = get_type_hints(resolve_name(step.function))
    assert hints["context"] is Context
    assert hints["return"] in KINDS.values()


def test_every_step_of_a_night_has_the_result_that_the_record_reads() -> None:
    assert {step.name: get_type_hints(resolve_name(step.function))["return"] for step in STEPS} == STEP_RESULTS


def test_every_step_of_a_run_has_a_module_of_its_own() -> None:
    assert [step.function for step in STEPS] == [f"chatrec.pipeline.steps.{step.name}:{step.name}" for step in STEPS]


@pytest.mark.parametrize("steps", [STEPS, evaluation.STEPS, finetune.STEPS], ids=["run", "evaluation", "finetune"])
def test_a_step_needs_only_steps_before_it(steps: tuple[Step, ...]) -> None:
    for place, step in enumerate(steps):
        assert set(step.needs) <= {other.name for other in steps[:place]}
