"""A night: its steps in order, for the command line and for Airflow alike."""

from chatrec.pipeline.approval import Question, answer, question
from chatrec.pipeline.nights import begin, fail, go_back, measured, perform, run_night
from chatrec.pipeline.run_result import RunResult
from chatrec.pipeline.step import Step
from chatrec.pipeline.steps import STEPS

__all__ = [
    "STEPS",
    "Question",
    "RunResult",
    "Step",
    "answer",
    "begin",
    "fail",
    "go_back",
    "measured",
    "perform",
    "question",
    "run_night",
]
