"""Search words beside the models: they move a list, fade, and know people without a history."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from chatrec.data.interactions import Queries
from chatrec.data.user_batch import UserBatch
from chatrec.ranking.lists import NAMES, RECOMMENDATIONS
from chatrec.ranking.recommend import write_lists
from chatrec.ranking.searches import DAY, SEARCH, Searches
from tests.support.rankers import ITEMS, ranker

OF_USERS = [[1, 2, 3], [1, 2, 3], [], [], [1, 2, 3]]
WANTED = 17
NOW = 100 * DAY


def searches(ages: list[float | None], weight: float = 1.0, item: int = WANTED) -> Searches:
    """Everybody with an age searched once for one item, so many days ago."""
    starts = np.concatenate([[0], np.cumsum([age is not None for age in ages])]).astype(np.int64)
    times = np.array([NOW - age * DAY for age in ages if age is not None], np.int64)
    queries = Queries(starts, ["shoes"], np.zeros(len(times), np.int32), times)
    found = csr_matrix(([1.0], ([0], [item])), shape=(1, ITEMS), dtype=np.float32)
    return Searches(queries, found, weight, 7.0, NOW)


def test_a_search_moves_the_list_and_no_other() -> None:
    plain = ranker(OF_USERS, np.arange(ITEMS) != 4)
    made = replace(plain, searches=searches([0, None, None, None, 0]))
    users = np.array([0, 1, 4])
    before, after = plain.lists(users), made.lists(users)
    assert after.shares is not None
    assert (after.items[:, 0] == WANTED).tolist() == [True, False, True]
    assert made.sources[after.shares[0, 0].argmax()] == SEARCH
    assert (before.items[1] == after.items[1]).all()
    assert before.scores[1] == pytest.approx(after.scores[1], rel=1e-5)


def test_an_old_search_says_little() -> None:
    made = ranker(OF_USERS, np.ones(ITEMS, bool))
    batch = UserBatch(made.histories, np.arange(5), made.recommendable, True)
    of_age = searches([0, 7, 70, None, None]).log_shares(batch)
    said = of_age.log_shares(np.full((5, 1), WANTED))[:, 0] - of_age.floor
    assert said[1] == pytest.approx(said[0] / 2, rel=1e-4)
    assert 0 < said[2] < 0.01
    assert said[3:].tolist() == [0, 0]


def test_what_was_taken_is_not_shown_again() -> None:
    made = replace(ranker(OF_USERS, np.ones(ITEMS, bool)), searches=searches([0] * 5, item=2))
    assert not (made.lists(np.array([0, 4])).items == 2).any()


def test_without_weight_nothing_moves() -> None:
    plain = ranker(OF_USERS, np.ones(ITEMS, bool))
    made = replace(plain, searches=searches([0] * 5, weight=0.0))
    assert (plain.lists(np.array([0])).items == made.lists(np.array([0])).items).all()


def test_somebody_known_by_a_search_alone(tmp_path: Path) -> None:
    made = replace(ranker(OF_USERS, np.arange(ITEMS) != 4), searches=searches([None, None, 0, None, None]))
    write_lists(made, np.zeros((5, 1), np.float32), tmp_path, 64)
    found = pl.read_parquet(tmp_path / RECOMMENDATIONS)
    names = pl.read_json(tmp_path / NAMES)["sources"].item().to_list()
    of_user = {user: rows for (user,), rows in found.group_by("user")}
    assert of_user[2]["item"][0] == WANTED
    assert {names[source - 1] for source in of_user[2]["source"]} == {"searched"}
    assert {names[source - 1] for source in of_user[3]["source"]} == {"popular"}
    assert of_user[2]["item"][1:].to_list() == of_user[3].filter(pl.col("item") != WANTED)["item"][:4].to_list()
