"""Similar, popular and trending items, and what answers searches: what plain loops give."""

from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.aigc.groups import ItemGroups
from chatrec.data.interactions import DAY, Interactions, Queries, starts_of
from chatrec.models.popularity import CLOCK_FROM
from chatrec.ranking.tables import similar as module
from chatrec.ranking.tables.popular import EVERYTHING, popular_items, trending_items
from chatrec.ranking.tables.searches import answers, frequent
from chatrec.ranking.tables.similar import TRUSTED_FROM, Likeness, similar_items
from tests.support.histories import histories

ITEMS = 9
GROUPS = ItemGroups(
    ("a", "b"), np.array([0, 1, 2, 3, 2, 3, 4, 8], np.int32), np.repeat([0, 1], 4).astype(np.int32), "categories"
)


def at_days(of_items: list[tuple[int, float]]) -> Interactions:
    """Events of one user, each an item and its day."""
    ordered = sorted(of_items, key=lambda event: event[1])
    times = np.array([CLOCK_FROM + int(day * DAY) for _, day in ordered], np.int64)
    items = np.array([item for item, _ in ordered], np.int32)
    return Interactions(np.array([0, len(items)]), items, np.ones(len(items), np.float32), times)


@given(st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=8), min_size=1, max_size=5), st.integers(1, 4))
def test_popular_items_are_those_with_most_users(of_users: list[list[int]], n: int) -> None:
    possible = np.arange(ITEMS) != 3
    found = popular_items(histories(of_users), GROUPS, possible, n)
    count = Counter(item for items in of_users for item in set(items))
    for group, members in ((EVERYTHING, range(ITEMS)), (0, [0, 1, 2, 3]), (1, [2, 3, 4, 8])):
        mine = found["group"] == group
        expected = sorted(
            (item for item in members if count[item] and item != 3), key=lambda item: (-count[item], item)
        )
        assert found["item"][mine].tolist() == expected[:n]
        assert found["rank"][mine].tolist() == list(range(1, len(expected[:n]) + 1))
        total = sum(count[item] for item in members)
        assert found["score"][mine] == pytest.approx([count[item] / total for item in expected[:n]])


def test_what_is_taken_more_than_usual_trends() -> None:
    usual = [(0, day) for day in range(20)] + [(1, day) for day in range(0, 20, 4)]
    log = at_days([*usual, (0, 25), (1, 25), (1, 25.5), (1, 26), (5, 26)])
    found = trending_items(log, np.ones(ITEMS, bool), 3, 5)
    assert found["item"].tolist() == [1, 5]
    assert found["rank"].tolist() == [1, 2]
    expected = 5 * 6 / (25 + ITEMS)
    assert found["score"][0] == pytest.approx((3 - expected) / (expected + 1) ** 0.5)
    assert trending_items(log, np.arange(ITEMS) != 1, 3, 5)["item"].tolist() == [5]


def test_nothing_trends_where_nothing_was_before_or_times_are_no_moments() -> None:
    assert not len(trending_items(at_days([(0, 1), (1, 1)]), np.ones(ITEMS, bool), 3, 5)["item"])
    assert not len(trending_items(histories([[0, 1, 1]]), np.ones(ITEMS, bool), 3, 5)["item"])


@pytest.mark.parametrize("exact_below", [20_000, 0])
def test_similar_items_are_near_by_events_or_by_texts(monkeypatch: pytest.MonkeyPatch, exact_below: int) -> None:
    monkeypatch.setattr(module, "EXACT_BELOW", exact_below)
    monkeypatch.setattr(module, "ITEMS_AT_ONCE", 7)
    random = np.random.default_rng(0)
    learned, texts = random.normal(size=(40, 5)), random.normal(size=(40, 6))
    events = random.integers(0, 30, 40)
    events[[3, 7]] = 0
    texts[9] = texts[7]
    possible = np.arange(40) != 5
    likeness = Likeness.of(learned, texts, events)
    blocks = list(similar_items(likeness, possible, 4, 0))
    found = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    v, e = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (learned, texts))
    v[events == 0] = 0
    w = (events / (events + TRUSTED_FROM))[:, None]
    scores = w * (v @ v.T) + (1 - w) * (e @ e.T)
    scores[:, ~possible] = -1
    np.fill_diagonal(scores, -1)
    for item in range(40):
        mine = found["item"] == item
        best = [other for other in np.argsort(-scores[item])[:4] if scores[item, other] > 0]
        assert found["similar"][mine].tolist() == best
        assert found["rank"][mine].tolist() == list(range(1, len(best) + 1))
        assert found["score"][mine] == pytest.approx(scores[item, best], abs=1e-5)
    assert found["similar"][found["item"] == 7][0] == 9


def queries(of_users: list[list[str]]) -> Queries:
    texts = sorted({text for own in of_users for text in own})
    rows = np.array([texts.index(text) for own in of_users for text in own], np.int32)
    owners = np.repeat(np.arange(len(of_users)), [len(own) for own in of_users])
    return Queries(starts_of(owners, len(of_users)), texts, rows, np.zeros(len(rows), np.int64))


def test_a_search_of_one_person_is_not_shown() -> None:
    made = queries(
        [["shoes", "shoes", "my address"], ["shoes", "red hat"], ["red hat", "shoes"], ["x" * 300], ["x" * 300]]
    )
    assert frequent(made, 10, 2) == ["shoes", "red hat"]
    assert frequent(made, 1, 2) == ["shoes"]
    assert frequent(made, 10, 1) == ["shoes", "red hat", "my address"]
    assert frequent(Queries.none(3), 10, 1) == []


def test_a_search_is_answered_by_what_it_means_the_popular_first() -> None:
    titles = ["running shoes", "red shoes", "hat", "blue shoes", "跑步 运动鞋"]
    items = pl.DataFrame({"title": titles, "groups": [[] for _ in titles]})
    popular, possible = np.array([1.0, 9, 50, 5, 0]), np.array([True, True, True, False, True])
    found = answers(items, ["shoes", "运动鞋", "zzz"], popular, possible, 2)
    assert list(zip(found["query"], found["rank"].tolist(), found["item"].tolist(), strict=True)) == [
        ("shoes", 1, 1),
        ("shoes", 2, 0),
        ("运动鞋", 1, 4),
    ]
    assert found["score"].tolist() == pytest.approx([10 / 12, 2 / 12, 1])
    nothing = answers(items, [], popular, possible, 2)
    assert len(nothing["query"]) == len(nothing["item"]) == 0
