"""Other systems on the same train set: simple ones, and those of the library implicit.

    python -m benchmarks.peers --system EASE --split SPLIT --target next --out lists.csv.gz

They get the events of the train set and which items may be recommended, and write everybody's list.
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
from chatrec.models.registry import fit_models

SEED = 0
PENALTY = 500.0
"""Of EASE."""
FACTORS = 128
REGULARIZATIONS, ALPHAS = (10.0, 100.0), (1.0, 20.0)
"""Of iALS, by trial: which is better depends on the target more than on the data."""
USERS_AT_ONCE = 2048
System = Callable[[Events, Target], Lists]


def of_registry(name: str, target: Target) -> System:
    """A closed form of chatrec alone, one that it has for some target."""

    def lists(events: Events, _: Target) -> Lists:
        model = fit_models(events.known, target, PENALTY, {name})[name]
        return events.lists(model.score)

    return lists


def recent_popularity(events: Events, _: Target) -> Lists:
    """Events count half as much for each twentieth of the time that they are old."""
    return events.lists(popularity.fit(events.known, popularity.Config(half_life=0.05)).score)


def of_implicit(make: Callable[[], Any]) -> System:
    """A model of implicit with fixed settings."""
    return lambda events, target: served(make(), events)


def served(model: Any, events: Events) -> Lists:
    """The lists of a model of implicit, by its own `recommend`."""
    from threadpoolctl import threadpool_limits

    histories = events.histories
    users, items = histories.distinct(events.items)
    taken = csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=(histories.users, events.items))
    everybody, forbidden = np.flatnonzero(histories.lengths), np.flatnonzero(~events.recommendable)
    with threadpool_limits(1, "blas"):  # its own threads and those of BLAS get into each other's way
        model.fit(taken, show_progress=False)
        for start in range(0, len(everybody), USERS_AT_ONCE):
            some = everybody[start : start + USERS_AT_ONCE]
            best, scores = model.recommend(some, taken[some], N=K, filter_items=forbidden)
            seen = np.asarray(taken[some[:, None], best].todense()) > 0  # item-kNN fills short lists up with them
            yield some, np.where(seen | (scores <= np.finfo(np.float32).min), -1, best)


def ials(events: Events, target: Target) -> Lists:
    """Implicit ALS (Hu, Koren and Volinsky 2008), with those settings that predict held-out events best."""
    from implicit.als import AlternatingLeastSquares

    holdout = hold_out(events.histories, events.recommendable, True, target, SEED)
    rest = replace(events, histories=holdout.histories)

    def model(regularization: float, alpha: float) -> Any:
        return AlternatingLeastSquares(
            FACTORS, regularization=regularization, alpha=alpha, iterations=15, random_state=SEED
        )

    def quality(settings: tuple[float, float]) -> float:
        lists = np.full((events.histories.users, 10), -1, np.int32)
        for users, items in served(model(*settings), rest):
            lists[users] = items[:, :10]
        return float(ndcg(holdout.hits(lists[holdout.users]), holdout.relevant).mean())

    settings = [(regularization, alpha) for regularization in REGULARIZATIONS for alpha in ALPHAS]
    return served(model(*max(settings, key=quality)), events)


def bpr() -> Any:
    """BPR (Rendle et al. 2009); with more than one thread it is not the same twice."""
    from implicit.bpr import BayesianPersonalizedRanking

    return BayesianPersonalizedRanking(FACTORS, iterations=100, num_threads=1, random_state=SEED, use_gpu=False)


def cosine() -> Any:
    """Item-kNN by the cosine of who took what."""
    from implicit.nearest_neighbours import CosineRecommender

    return CosineRecommender(K=100)


def bm25() -> Any:
    """Item-kNN by the BM25 of who took what."""
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
    """Writes the lists of one system."""
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
