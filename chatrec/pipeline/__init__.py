"""The pipeline: its steps in order, for the command line and for Airflow alike."""

from chatrec.pipeline.approval import Question, answer, question
from chatrec.pipeline.context import RunOptions
from chatrec.pipeline.execution import begin, fail, metrics, perform, rollback, run
from chatrec.pipeline.run_result import RunResult
from chatrec.pipeline.step import Step
from chatrec.pipeline.steps import STEPS

__all__ = [
    "STEPS",
    "Question",
    "RunOptions",
    "RunResult",
    "Step",
    "answer",
    "begin",
    "fail",
    "metrics",
    "perform",
    "question",
    "rollback",
    "run",
]
