"""What is published: the ensemble, or a simple model that held-out people show ahead of it."""

import numpy as np
import pytest

from chatrec.ensemble.choice import ENSEMBLE, alone, choose, without_evidence
from chatrec.ensemble.weights import PRIOR
from chatrec.extract.data_shape import ENOUGH_HELD_OUT
from chatrec.models.entry import Case
from chatrec.models.training_data import TrainingData
from tests.support.histories import checkerboard, histories

TEXTS = np.eye(30, 4, dtype=np.float32)


def ndcg(people: int, **means: float) -> dict[str, np.ndarray]:
    """Values around means, as noisy as those of one held-out event a person, alike for all systems."""
    noise = np.random.default_rng(0).normal(0, 0.3, people)
    own = {name: np.random.default_rng(n).normal(0, 0.1, people) for n, name in enumerate(means)}
    return {name: mean + noise + own[name] - own[name].mean() for name, mean in means.items()}


@pytest.mark.parametrize(
    ("people", "means", "published"),
    [
        (1000, {"popularity": 0.20, "item_knn": 0.10, ENSEMBLE: 0.30}, ENSEMBLE),
        (1000, {"popularity": 0.20, "item_knn": 0.10, ENSEMBLE: 0.18}, "popularity"),
        (1000, {"popularity": 0.20, "item_knn": 0.21, ENSEMBLE: 0.18}, "item_knn"),
        (1000, {"popularity": 0.20, "markov": 0.252, ENSEMBLE: 0.25}, ENSEMBLE),  # not clearly ahead
        (1000, {"popularity": 0.20, "markov": 0.40, ENSEMBLE: 0.25}, "markov"),
        (40, {"popularity": 0.20, "item_knn": 0.10, ENSEMBLE: 0.195}, ENSEMBLE),  # nothing is sure
        (40, {"popularity": 0.30, "item_knn": 0.10, ENSEMBLE: 0.1}, "popularity"),
        (40, {"popularity": 0.0, "item_knn": 0.0, ENSEMBLE: 0.0}, ENSEMBLE),
    ],
)
def test_what_is_published(people: int, means: dict[str, float], published: str) -> None:
    choice = choose(ndcg(people, **means), ENSEMBLE, 0)
    assert choice.published == published
    simple = {name: mean for name, mean in means.items() if name in ("popularity", "item_knn")}
    assert choice.baseline == max(simple, key=lambda name: simple[name])
    assert choice.gain is not None
    assert choice.gain[0] == pytest.approx(means[published] - simple[choice.baseline], abs=1e-9)
    if people >= ENOUGH_HELD_OUT:
        assert choice.gain[0] >= 0


def test_without_evidence_simple_models_share_the_score() -> None:
    name, weights = without_evidence(Case(TrainingData(checkerboard(), 30, TEXTS), "next_period"))
    assert name == ENSEMBLE
    assert weights == {name: PRIOR[name] for name in ("popularity", "item_knn", "ease_decay_0.95")}


def test_texts_come_first_where_hardly_any_item_was_taken_twice() -> None:
    apart = histories([list(range(user * 3, user * 3 + 3)) for user in range(10)])
    case = Case(TrainingData(apart, 30, TEXTS), "next_period")
    assert without_evidence(case) == ("content_knn", alone("content_knn"))
    no_texts = Case(TrainingData(apart, 30, np.zeros((30, 4), np.float32)), "next_period")
    assert without_evidence(no_texts)[0] == ENSEMBLE
