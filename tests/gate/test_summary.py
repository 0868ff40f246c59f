"""The three sentences at the end of a run."""

from dataclasses import replace

import pytest

from chatrec.extract.data_shape import DataShape
from chatrec.gate.summary import summary
from chatrec.runs.results import EnsembleResult

SHAPE = DataShape(
    users=91,
    items=77,
    interactions=2155,
    days=480,
    users_with_events=89,
    users_with_one_event=2,
    users_with_one_order=3,
    repeats=100,
    quarantine={},
)
AHEAD = EnsembleResult(
    form="rerank",
    weights={"ease": 0.6, "item_knn": 0.3, "popularity": 0.06, "markov": 0.04},
    published="ensemble",
    baseline="item_knn",
    holdout_users=600,
    holdout_windows=1,
    ndcg=0.21,
    baseline_ndcg=0.2,
)
FEW = "A longer history would help most: more people who come back show which models are right."


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (
            AHEAD,
            "The lists are made by an ensemble (similar users 94%, popularity 6%), "
            "because it is ahead of the best simple list, similar items. NDCG@10 is 0.210, and 0.200 of similar "
            "items, on events of 600 people.",
        ),
        (
            replace(AHEAD, holdout_users=65, holdout_windows=3, ndcg=0.19),
            "The lists are made by an ensemble (similar users 94%, popularity 6%), which "
            "the held-out events cannot tell from the best simple list, similar items. NDCG@10 is 0.190, and "
            "0.200 of similar items, on events of 65 people, held out 3 times: unproven, as it takes 200 to be "
            f"sure. {FEW}",
        ),
        (
            replace(AHEAD, published="popularity", baseline="popularity", ndcg=0.2, weights={"popularity": 1.0}),
            "The lists are made of popularity: the ensemble of all models is not ahead of it, so these events show "
            "nothing personal. NDCG@10 is 0.200, and 0.200 of popularity, on events of 600 people.",
        ),
        (
            replace(AHEAD, published="item_knn", ndcg=0.2, weights={"item_knn": 1.0, "popularity": 0.05}),
            "The lists are made of similar items: the ensemble of all models is not ahead of it. NDCG@10 is 0.200, "
            "and 0.200 of similar items, on events of 600 people.",
        ),
        (
            EnsembleResult(form="rerank", weights={"ease": 0.5, "popularity": 0.5}, baseline="popularity"),
            "The lists are made by an ensemble (similar users 50%, popularity 50%) with usual weights, because no "
            "events could be held out to choose others. This is unproven: no user has an event to hold out and one "
            "before it. "
            f"{FEW}",
        ),
        (
            replace(AHEAD, published="content_knn", weights={"content_knn": 1.0}, holdout_users=46, ndcg=0.0,
                    baseline_ndcg=0.0),
            "The lists are made of similar texts, because hardly any item was taken by two people. NDCG@10 is 0.000, "
            "and 0.000 of similar items, on events of 46 people: unproven, as it takes 200 to be sure. "
            f"{FEW}",
        ),
    ],
)  # fmt: skip
def test_the_sentences(result: EnsembleResult, words: str) -> None:
    assert summary(result, SHAPE, exclude_seen=True) == words


def test_a_setting_that_fits_the_data_is_named() -> None:
    again = replace(SHAPE, repeats=600)
    assert "ranking.exclude_seen = false" in summary(AHEAD, again, exclude_seen=True)
    assert "ranking.exclude_seen" not in summary(AHEAD, again, exclude_seen=False)
