"""An evaluation of a finished run, and what it gave."""

from dataclasses import dataclass
from pathlib import Path

from chatrec.pipeline.evaluation import evaluate
from chatrec.pipeline.step import Step
from chatrec.report.results import Evaluation
from chatrec.runs.run import Manifest
from tests.support.finished import Scene


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation gave."""

    evaluation: Evaluation
    report: Path

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.report.parent


def nothing(step: Step, manifest: Manifest | None) -> None:
    """Watches nothing."""


EVALUATED = Scene(
    "evaluated",
    changes={"ranking.target": "next_item", "aigc.minutes": 10},
    more=lambda shop: shop.execute("UPDATE views SET amount = 1 + film / 1000.0"),
    after=lambda settings: evaluate(settings, None, nothing),
)
"""Weights of views differ, so that no two items are equally popular; a net learns, which leaves a curve."""
