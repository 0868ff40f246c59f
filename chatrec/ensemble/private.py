"""The ensemble under [privacy]: models with a privacy proof, and constant weights.

A model is included if it is made only of the release, of public texts and of the history that it scores. The weights
were chosen once, on held-out events of MovieLens-1M, whose users are not yours.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

import numpy as np

from chatrec.data.arrays import Array, unit
from chatrec.ensemble.cold_items import ColdItems
from chatrec.ensemble.ensemble import ENSEMBLE_FILE
from chatrec.ensemble.holdout_candidates import HoldoutCandidates
from chatrec.ensemble.holdout_metrics import HoldoutMetrics
from chatrec.ensemble.weights import EnsembleWeights
from chatrec.models import private_ease
from chatrec.models.base import Model
from chatrec.models.content_knn import ContentKnn
from chatrec.models.popularity import Popularity
from chatrec.models.registry import POPULARITY
from chatrec.models.serialization import load_models, save_models
from chatrec.models.training_data import TrainingData
from chatrec.privacy.statistics import Release
from chatrec.runs.files import write_atomically
from chatrec.runs.results import EnsembleResult

PRIVATE_EASE, FEATURES = "private_ease", "content_knn_features"
WEIGHTS: Mapping[str, float] = MappingProxyType({PRIVATE_EASE: 1.0, FEATURES: 0.2})
"""Popularity is used only for users without a history; the pairs already contain it."""


def private_models(data: TrainingData, release: Release) -> dict[str, Model]:
    """Makes all private models.

    Args:
        data: Training data, of which only the features are used.
        release: Release of noisy statistics on the same catalogue.
    """
    texts = private_ease.Directions.of(data.features, data.items)
    features = ContentKnn(unit((texts.vectors * texts.values).astype(np.float32)))
    popularity = Popularity(np.maximum(release.popular, 0).astype(np.float32))
    return {PRIVATE_EASE: private_ease.fit(release, texts), FEATURES: features, POPULARITY: popularity}


def fit(data: TrainingData, release: Release, folder: Path) -> EnsembleResult:
    """Writes the ensemble. No events are held out, so no metrics are measured. Arguments as in `private_models`."""
    save_models(private_models(data, release), folder)
    HoldoutCandidates.without_users().save(folder)
    nothing = ColdItems()
    facts = {
        **asdict(EnsembleWeights(dict(WEIGHTS), {})),
        "form": "rerank",
        "limits": {},
        "ease penalty": 0.0,
        "cold items": {"weights": dict(nothing.weights), "share": nothing.share, "gains": {}},
    }
    write_atomically(folder / ENSEMBLE_FILE, json.dumps(facts, indent=1))
    HoldoutMetrics().save(folder)
    return EnsembleResult(form="rerank", weights=dict(WEIGHTS))


def popularity_of(folder: Path) -> Array:
    """Returns the popularity of items from the release: float32, not negative.

    Args:
        folder: Folder of the step ensemble.
    """
    popular: Popularity = load_models(folder)[POPULARITY]  # type: ignore[assignment]
    return popular.weights
