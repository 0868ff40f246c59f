"""Metrics of the ensemble and of each model on held-out events, stored with the ensemble."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from chatrec.evaluation.metrics import Interval
from chatrec.runs.run import write_atomically

METRICS = "metrics.json"


@dataclass(frozen=True)
class HoldoutMetrics:
    """Metrics on held-out events; empty if none were held out."""

    models: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Metrics by model and name."""
    gain_over_popularity: Interval | None = None
    """NDCG@10 of the ensemble minus that of popularity, and the bounds of its 95 % interval."""

    def save(self, folder: Path) -> None:
        """Writes METRICS."""
        write_atomically(folder / METRICS, json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, folder: Path) -> "HoldoutMetrics":
        """Loads metrics written by `save`."""
        values = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        gain = values["gain_over_popularity"]
        return cls(values["models"], None if gain is None else (gain[0], gain[1], gain[2]))
