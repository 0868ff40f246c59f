"""Baselines on the same train set: single models of chatrec, and models of the library implicit.

    python -m benchmarks.peers --system EASE --split SPLIT --target next_item --out lists.csv.gz

A baseline reads the events of the train set and the candidates, and writes the lists of all users.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.data import Events, K, Lists, read_split
from chatrec.config.ranking import Target, full_target
from chatrec.evaluation.holdout import hold_out
from chatrec.evaluation.metrics import ndcg
from chatrec.models import popularity
from chatrec.models.entry import Case
from chatrec.models.registry import fit_models

SEED = 0
FACTORS = 128
REGULARIZATIONS, ALPHAS = (10.0, 100.0), (1.0, 20.0)
"""Values for iALS that are compared on held-out events; the best depend on the target more than on the data."""
USERS_AT_ONCE = 2048
System = Callable[[Events, Target], Lists]


def of_registry(name: str, target: Target) -> System:
    """Returns a single model of chatrec, as fitted for a target."""

    def lists(events: Events, _: Target) -> Lists:
        model = fit_models(Case(events.training_data, target), {name})[name]
        return events.lists(model.score)

    return lists


def recent_popularity(events: Events, _: Target) -> Lists:
    """Yields lists by popularity, with a half-life of a twentieth of the log's time span."""
    return events.lists(popularity.fit(events.training_data, popularity.Config(half_life=0.05)).score)


def of_implicit(make: Callable[[], Any]) -> System:
    """Returns a model of implicit with fixed parameters."""
    return lambda events, target: implicit_lists(make(), events)


def implicit_lists(model: Any, events: Events) -> Lists:
    """Yields the lists of a model of implicit, from its own `recommend`."""
    from threadpoolctl import threadpool_limits

    histories = events.histories
    users, items = histories.distinct(events.items)
    matrix = csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(histories.users, events.items))
    with_history, excluded = np.flatnonzero(histories.lengths), np.flatnonzero(~events.recommendable)
    with threadpool_limits(1, "blas"):  # the threads of implicit and of BLAS slow each other down
        model.fit(matrix, show_progress=False)
        for start in range(0, len(with_history), USERS_AT_ONCE):
            part = with_history[start : start + USERS_AT_ONCE]
            best, scores = model.recommend(part, matrix[part], N=K, filter_items=excluded)
            seen = np.asarray(matrix[part[:, None], best].todense()) > 0  # item-kNN pads short lists with seen items
            yield part, np.where(seen | (scores <= np.finfo(np.float32).min), -1, best)


def ials(events: Events, target: Target) -> Lists:
    """Returns the lists of implicit ALS (Hu, Koren and Volinsky 2008), tuned on held-out events."""
    from implicit.als import AlternatingLeastSquares

    holdout = hold_out(events.histories, events.recommendable, True, target, SEED)
    rest = replace(events, histories=holdout.histories)

    def model(regularization: float, alpha: float) -> Any:
        return AlternatingLeastSquares(
            FACTORS, regularization=regularization, alpha=alpha, iterations=15, random_state=SEED
        )

    def quality(settings: tuple[float, float]) -> float:
        lists = np.full((events.histories.users, 10), -1, np.int32)
        for users, items in implicit_lists(model(*settings), rest):
            lists[users] = items[:, :10]
        return float(ndcg(holdout.hits(lists[holdout.users]), holdout.relevant).mean())

    settings = [(regularization, alpha) for regularization in REGULARIZATIONS for alpha in ALPHAS]
    return implicit_lists(model(*max(settings, key=quality)), events)


def bpr() -> Any:
    """Returns BPR (Rendle et al. 2009), on one thread to be deterministic."""
    from implicit.bpr import BayesianPersonalizedRanking

    return BayesianPersonalizedRanking(FACTORS, iterations=100, num_threads=1, random_state=SEED, use_gpu=False)


def cosine() -> Any:
    """Returns item k-NN by cosine."""
    from implicit.nearest_neighbours import CosineRecommender

    return CosineRecommender(K=100)


def bm25() -> Any:
    """Returns item k-NN by BM25."""
    from implicit.nearest_neighbours import BM25Recommender

    return BM25Recommender(K=100)


SYSTEMS: dict[str, System] = {
    "popularity": of_registry("popularity", "random"),
    "recent popularity": recent_popularity,
    "markov": of_registry("markov", "next_item"),
    "EASE": of_registry("ease", "random"),
    "item-kNN, cosine": of_implicit(cosine),
    "item-kNN, BM25": of_implicit(bm25),
    "iALS": ials,
    "BPR": of_implicit(bpr),
}


def main() -> None:
    """Writes the lists of one baseline."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=list(SYSTEMS), required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--target", type=full_target, choices=get_args(Target), required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    events = read_split(chosen.split)
    events.write(SYSTEMS[chosen.system](events, chosen.target), chosen.out)


if __name__ == "__main__":
    main()
