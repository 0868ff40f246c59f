"""Groups: from categories or from vectors, every item in one at least."""

import numpy as np
import polars as pl

from chatrec.aigc.groups import ItemGroups, from_categories, from_kmeans, make_groups
from chatrec.config.aigc import Groups

ITEMS = 30

CATEGORIES = pl.Series("groups", [["War", "Drama"], [], ["Drama"], ["Drama", "Art"]])


def test_categories_are_sorted_by_name() -> None:
    groups = from_categories(CATEGORIES)
    assert groups.names == ("Art", "Drama", "War", "other")
    members = {
        name: groups.items[groups.starts[k] : groups.starts[k + 1]].tolist() for k, name in enumerate(groups.names)
    }
    assert members == {"Art": [3], "Drama": [0, 2, 3], "War": [0], "other": [1]}


def clusters() -> tuple[pl.DataFrame, np.ndarray]:
    random = np.random.default_rng(0)
    centres = np.eye(3, 6)
    vectors = centres[np.arange(ITEMS) % 3] + random.normal(size=(ITEMS, 6)) * 0.05
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return pl.DataFrame({"title": [f"film {n}" for n in range(ITEMS)], "groups": [[] for _ in range(ITEMS)]}), unit


def test_kmeans_finds_clusters_and_names_them_after_a_member() -> None:
    items, vectors = clusters()
    groups = from_kmeans(items, vectors, 3, seed=0)
    assert sorted(groups.items.tolist()) == list(range(ITEMS))
    for k, name in enumerate(groups.names):
        members = groups.items[groups.starts[k] : groups.starts[k + 1]]
        assert len(set(members % 3)) == 1
        assert int(name.split()[1]) in members


def test_auto_takes_categories_if_half_of_the_items_have_one() -> None:
    items, vectors = clusters()
    assert make_groups(items, vectors, Groups(), 0).source == "kmeans"
    half = items.with_columns(groups=pl.when(pl.int_range(ITEMS) % 2 == 0).then(pl.lit(["x"])).otherwise(pl.lit([])))
    assert make_groups(half, vectors, Groups(), 0).source == "categories"
    assert make_groups(half, vectors, Groups(source="kmeans", count=4), 0).source == "kmeans"


def test_more_clusters_than_items_or_no_items_at_all() -> None:
    items, vectors = clusters()
    assert len(from_kmeans(items[:2], vectors[:2], 9, 0).names) == 2
    assert from_kmeans(items[:0], vectors[:0], 0, 0).names == ()


def test_saved_groups_come_back(tmp_path) -> None:
    groups = from_categories(CATEGORIES)
    groups.save(tmp_path)
    back = ItemGroups.load(tmp_path)
    assert back.names == groups.names
    assert (back.items == groups.items).all()
    assert (back.groups == groups.groups).all()
