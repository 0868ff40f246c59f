"""The FAISS index: exact where it can be, measured where it is not."""

from pathlib import Path

import numpy as np
import pytest

from chatrec.config.ranking import Index
from chatrec.retrieval.index import ItemIndex, build

N, WIDTH = 3000, 16
EXACT = Index()
HNSW = Index(exact_below=0, recall=0.9)
IVF = Index(exact_below=0, ivf_from=1, recall=0.9)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    centres = random.normal(size=(30, WIDTH))
    vectors = centres[random.integers(0, 30, N)] + random.normal(size=(N, WIDTH)) * 0.3
    return vectors.astype(np.float32), random.normal(size=(200, WIDTH)).astype(np.float32)


@pytest.mark.parametrize(("settings", "kind"), [(EXACT, "flat"), (HNSW, "hnsw"), (IVF, "ivf")])
def test_the_rule_chooses_and_the_recall_is_true(
    data: tuple[np.ndarray, np.ndarray], settings: Index, kind: str
) -> None:
    vectors, users = data
    index = build(vectors, np.arange(N, dtype=np.int32) + 7, users, settings)
    items, products = index.search(users, 100)
    truth = np.argsort(-(users @ vectors.T), axis=1)[:, :100] + 7
    recall = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(items, truth, strict=True)])
    assert index.facts.kind == kind
    assert index.facts.recall == pytest.approx(recall, abs=1e-6)
    assert recall >= settings.recall or kind == "flat"
    assert (np.diff(products, axis=1) <= 0).all()


def test_exact_search_is_used_if_the_recall_cannot_be_reached(data: tuple[np.ndarray, np.ndarray]) -> None:
    noise = np.random.default_rng(0).normal(size=(9000, 64)).astype(np.float32)
    index = build(noise, np.arange(9000), noise[:50], Index(exact_below=0, recall=1.0))
    if index.facts.kind != "flat":
        assert index.facts.recall == 1.0


@pytest.mark.parametrize("settings", [EXACT, HNSW, IVF])
def test_a_saved_index_finds_the_same(data: tuple[np.ndarray, np.ndarray], settings: Index, tmp_path: Path) -> None:
    vectors, users = data
    index = build(vectors, np.arange(N), users, settings)
    index.save(tmp_path)
    back = ItemIndex.load(tmp_path)
    assert back.facts == index.facts
    assert all((a == b).all() for a, b in zip(index.search(users, 10), back.search(users, 10), strict=True))


def test_asking_for_more_than_there_is(data: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, users = data
    items, _ = build(vectors[:3], np.array([5, 6, 7]), users, EXACT).search(users, 10)
    assert sorted(items[0]) == [5, 6, 7]


def test_an_empty_catalogue(data: tuple[np.ndarray, np.ndarray]) -> None:
    vectors, users = data
    items, products = build(vectors[:0], np.empty(0, np.int32), users, EXACT).search(users, 10)
    assert items.shape == products.shape == (len(users), 0)
