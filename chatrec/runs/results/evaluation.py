"""Results of the steps of `chatrec evaluate` that a run does not have."""

from dataclasses import dataclass

from chatrec.runs.results.base import StepResult


@dataclass(frozen=True, kw_only=True)
class HoldoutResult(StepResult):
    """Result of the step extract of an evaluation."""

    holdout_users: int
    targets: int
    """Held-out events."""
    events_left: int


@dataclass(frozen=True, kw_only=True)
class TextVectorsResult(StepResult):
    """Result of the step embed of an evaluation."""

    items: int
    profiles: int


@dataclass(frozen=True, kw_only=True)
class MeasureResult(StepResult):
    """Result of the step measure."""

    ndcg: float
    """NDCG@10 of the ensemble."""
    popularity_ndcg: float
