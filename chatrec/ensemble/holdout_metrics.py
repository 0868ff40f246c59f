"""Metrics of the ensemble and of each model on held-out events, stored with the ensemble."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chatrec.evaluation.metrics import Interval
from chatrec.runs.files import write_atomically

METRICS = "metrics.json"


@dataclass(frozen=True)
class HoldoutMetrics:
    """Metrics on held-out events; empty if none were held out."""

    models: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metrics by model and name."""
    published: str = ""
    """Name of the published system: the ensemble, or one of its models."""
    baseline: str = ""
    """Name of the best baseline."""
    gain_over_baseline: Interval | None = None
    """NDCG@10 of the published system minus that of the baseline, and the bounds of its 95 % interval."""
    people: int = 0
    """Number of people with held-out events."""

    def save(self, folder: Path) -> None:
        """Writes METRICS."""
        write_atomically(folder / METRICS, json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, folder: Path) -> "HoldoutMetrics":
        """Loads metrics written by `save`."""
        values = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        gain = values["gain_over_baseline"]
        return cls(**{**values, "gain_over_baseline": None if gain is None else (gain[0], gain[1], gain[2])})
