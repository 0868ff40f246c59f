"""A small ranker, and what its models say, written out."""

from collections.abc import Mapping

import numpy as np

from chatrec.aigc.aigc import NAME, AigcModel
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState, GroupOutput
from chatrec.aigc.users import MeanUsers
from chatrec.config.ranking import Index
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.ensemble import Ensemble
from chatrec.ensemble.log_shares import FLOOR
from chatrec.models import ease, markov
from chatrec.models.training_data import TrainingData
from chatrec.ranking.recommender import Recommender
from chatrec.retrieval import index as faiss_index
from tests.support.histories import histories

ITEMS, WIDTH, TOP_N = 25, 4, 5


GROUPS = ItemGroups(
    ("a", "b", "c"),
    np.concatenate([np.arange(0, 12), np.arange(8, 20), np.arange(18, 25)]).astype(np.int32),
    np.repeat([0, 1, 2], [12, 12, 7]).astype(np.int32),
    "categories",
)


WEIGHTS = {"markov": 0.8, NAME: 0.5, "ease": 0.3}


USUAL = Index()


def ranker(
    of_users: list[list[int]],
    recommendable: np.ndarray,
    index: Index = USUAL,
    seen: bool = True,
    weights: Mapping[str, float] = WEIGHTS,
    two_levels: bool = False,
) -> Recommender:
    random = np.random.default_rng(1)
    items, bias = random.normal(size=(ITEMS, WIDTH)), random.normal(size=ITEMS)
    means = np.array([items[GROUPS.items[GROUPS.groups == k]].mean(0) for k in range(3)])
    of_items, of_bias, of_groups, cold = (
        each.astype(np.float32) for each in (items, bias, means, np.zeros((2, WIDTH)))
    )
    output = GroupOutput(np.arange(ITEMS) % 4, random.normal(size=(4, WIDTH)).astype(np.float32), bias[:4])
    state = AigcState(of_items, of_bias, of_groups, cold, MeanUsers(3), output if two_levels else None)
    made = histories(of_users)
    log = TrainingData(histories([random.integers(0, ITEMS, 12).tolist() for _ in range(30)]), ITEMS)
    models = {"markov": markov.fit(log), "ease": ease.fit(log, ease.Config(l2=5.0))}
    rows = np.flatnonzero(recommendable).astype(np.int32)
    users = state.queries(state.users(made.latest(np.arange(len(of_users)), 3)))
    built = faiss_index.build(state.keys[rows], rows, users, index)
    ensemble = Ensemble(weights, {name: model for name, model in models.items() if name in weights})
    return Recommender(ensemble, AigcModel(state), GROUPS, built, made, recommendable, TOP_N, seen, 0)


def log_shares(made: Recommender, user: int, allowed: list[int]) -> dict[str, np.ndarray]:
    """What each model says of the allowed items, written out."""
    batch = UserBatch(made.histories, np.array([user]), made.recommendable, made.exclude_seen)
    found = {}
    for name, model in made.models.items():
        scores = model.score(batch)[0].astype(np.float64)[allowed]
        if model.log_probabilities:
            found[name] = scores - np.log(np.exp(scores).sum())
        else:
            positive = np.maximum(scores, 0)
            found[name] = np.log(positive / max(positive.sum(), 1e-37) + FLOOR / len(allowed))
    return found
