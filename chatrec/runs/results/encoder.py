"""Results of the steps of `chatrec finetune`, and of the training of an encoder."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatrec.runs.results.base import StepResult


@dataclass(frozen=True)
class TrainingSummary:
    """A training of an encoder. Losses are in nats."""

    steps: int
    first_loss: float | None = None
    last_loss: float | None = None
    best_step: int | None = None
    """Step with the lowest loss on held-out items; None if none were held out."""
    holdout_loss: float | None = None
    """Loss on held-out items at that step."""
    holdout_loss_at_start: float | None = None
    tokens: int | None = None
    """Tokens trained on; None where pairs of items are counted instead."""
    texts: int | None = None
    """Distinct texts of the catalogue that a local GPT-2 was trained on."""
    token_length: float | None = None
    """Mean length of a token in these texts, in bytes."""


@dataclass(frozen=True, kw_only=True)
class TrainResult(StepResult):
    """Result of the step train."""

    encoder: str
    trained: bool
    """False if the candidate existed before."""
    trainings: Mapping[str, TrainingSummary] = field(default_factory=dict)
    """By objective: next_token, pairs."""


@dataclass(frozen=True)
class EncodedCatalogue:
    """Vectors of the catalogue by one encoder."""

    texts_embedded: int
    fingerprint: str
    """Fingerprint of the encoder."""


@dataclass(frozen=True, kw_only=True)
class ShadowEmbedResult(StepResult):
    """Result of the step embed of a fine-tuning."""

    candidate: EncodedCatalogue
    live: EncodedCatalogue


@dataclass(frozen=True, kw_only=True)
class CompareResult(StepResult):
    """Result of the step compare."""

    users: int
    hidden_items: int
    """Items that no training used."""
    candidate_ndcg: float
    live_ndcg: float
    gain: tuple[float, float, float]
    """Candidate minus live, and the bounds of its 95 % interval."""


@dataclass(frozen=True, kw_only=True)
class PromoteResult(StepResult):
    """Result of the step promote."""

    promoted: bool
    verdict: str
    encoders_removed: int
