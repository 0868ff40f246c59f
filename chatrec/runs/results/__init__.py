"""Typed results of steps. Their labels are in `chatrec.console.labels`."""

from collections.abc import Mapping
from types import MappingProxyType

from chatrec.runs.results.base import StepResult, load
from chatrec.runs.results.contents import Contents
from chatrec.runs.results.encoder import (
    CompareResult,
    EncodedCatalogue,
    PromoteResult,
    ShadowEmbedResult,
    TrainingSummary,
    TrainResult,
)
from chatrec.runs.results.evaluation import HoldoutResult, MeasureResult, TextVectorsResult
from chatrec.runs.results.ranking import CoverageResult, DiversityResult, FairnessResult, RuleEffect
from chatrec.runs.results.steps import (
    AigcResult,
    EmbedResult,
    EncoderResult,
    EnsembleResult,
    ExtractResult,
    GateResult,
    GenerateResult,
    GroupsResult,
    IndexResult,
    PublishResult,
    RankResult,
    ReleaseResult,
    TablesResult,
    WritingResult,
)

STEP_RESULTS: Mapping[str, type[StepResult]] = MappingProxyType(
    {
        "extract": ExtractResult,
        "encoder": EncoderResult,
        "embed": EmbedResult,
        "groups": GroupsResult,
        "aigc": AigcResult,
        "ensemble": EnsembleResult,
        "index": IndexResult,
        "rank": RankResult,
        "tables": TablesResult,
        "generate": GenerateResult,
        "gate": GateResult,
        "publish": PublishResult,
    }
)
"""Class of the result of each step of a run."""
OTHER_RESULTS = (
    HoldoutResult, TextVectorsResult, MeasureResult, TrainResult, ShadowEmbedResult, CompareResult, PromoteResult,
)  # fmt: skip
"""Classes of the results of the other steps: of evaluations and fine-tunings."""
KINDS: Mapping[str, type[StepResult]] = MappingProxyType(
    {kind.__name__: kind for kind in (*STEP_RESULTS.values(), *OTHER_RESULTS)}
)
"""All of these classes by name, as manifests name them."""

__all__ = [
    "KINDS",
    "OTHER_RESULTS",
    "STEP_RESULTS",
    "AigcResult",
    "CompareResult",
    "Contents",
    "CoverageResult",
    "DiversityResult",
    "EmbedResult",
    "EncodedCatalogue",
    "EncoderResult",
    "EnsembleResult",
    "ExtractResult",
    "FairnessResult",
    "GateResult",
    "GenerateResult",
    "GroupsResult",
    "HoldoutResult",
    "IndexResult",
    "MeasureResult",
    "PromoteResult",
    "PublishResult",
    "RankResult",
    "ReleaseResult",
    "RuleEffect",
    "ShadowEmbedResult",
    "StepResult",
    "TablesResult",
    "TextVectorsResult",
    "TrainResult",
    "TrainingSummary",
    "WritingResult",
    "load",
]
