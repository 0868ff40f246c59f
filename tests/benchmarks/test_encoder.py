"""The encoder's benchmark: what it measures has a known answer on a toy."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import encoder, encoder_quality, encoder_speed
from benchmarks.encoder_quality import Catalogue, Pooled, mean_cosine
from chatrec.config import Settings
from chatrec.extract.snapshot import Snapshot
from chatrec.report.splits import write_snapshot
from tests.support import toy

SHAPE = {"n_layer": 2, "n_embd": 32, "n_head": 2, "n_positions": 64, "vocab_size": 300}
TEXTS = ["A film about a dog", "", "Rome", "A much longer film about two dogs, a cat and 运动鞋 in Rome"]


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpt2")
    encoder_speed.make_gpt2(folder, TEXTS, SHAPE)
    return folder


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    folder = tmp_path_factory.mktemp("toy")
    toy.write_data(folder / "data")
    toy.write_split(folder / "split")
    settings = Settings()
    (folder / "snapshot").mkdir()
    write_snapshot(
        folder / "split", folder / "data" / "items.csv.gz", None, "|", settings.advanced.text, folder / "snapshot"
    )
    return Catalogue(Snapshot(folder / "snapshot"), settings, folder)


def test_both_encode_the_same(gpt2: Path) -> None:
    pytest.importorskip("sentence_transformers")
    runs, tokens, weights = encoder_speed.compare(str(gpt2), TEXTS, rounds=1)
    assert tokens > len(TEXTS)
    assert weights == 2 * (12 * 32 * 32 + 13 * 32) + 2 * 32
    ours, other = runs["chatrec, float32"].vectors, runs["sentence-transformers, float32"].vectors
    assert ours is not None
    assert other is not None
    there = [i for i, text in enumerate(TEXTS) if text]
    assert ours[there] == pytest.approx(other[there], abs=1e-4)


def test_the_mean_cosine() -> None:
    random = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    random /= np.linalg.norm(random, axis=1, keepdims=True)
    products = random @ random.T
    assert mean_cosine(random) == pytest.approx((products.sum() - 300) / (300 * 299), abs=0.005)
    assert mean_cosine(np.ones((5, 1), np.float32)) == pytest.approx(1)


def test_neighbours_by_who_took_them_are_all_found(catalogue: Catalogue) -> None:
    users, items = catalogue.snapshot.histories.distinct(catalogue.events.items)
    taken = np.zeros((catalogue.events.items, catalogue.snapshot.histories.users), np.float32)
    taken[items, users] = 1
    taken /= np.maximum(np.linalg.norm(taken, axis=1, keepdims=True), 1)
    assert catalogue.neighbours(taken) == pytest.approx(1)
    assert catalogue.neighbours(np.random.default_rng(0).permutation(taken)) < 0.6


def test_maps_know_hidden_items(catalogue: Catalogue) -> None:
    found = catalogue.among_hidden(catalogue.no_vectors)
    assert catalogue.has_kernel
    assert len(found) == len(catalogue.hidden)
    assert 0 < found.mean() <= 1


def test_a_reading_is_kept(catalogue: Catalogue, gpt2: Path) -> None:
    way = Pooled("tiny", gpt2, False, layer=1, dimensions=16)
    first = catalogue.vectors(way)
    assert first.shape == (toy.ITEMS, 16)
    assert len(list(catalogue.cache.glob("*.npy"))) == 1
    assert (catalogue.vectors(way) == first).all()


def test_other_ways_to_read_are_of_the_named_model(gpt2: Path) -> None:
    own, other = Pooled("one", gpt2, True), Pooled("two", gpt2, False)
    found = list(encoder_quality.variants([own, other], "one"))
    assert {each.model for each in found} == {"one"}
    assert len({own, *found}) == len(found) + 1


def test_the_look_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "CACHED", 20_000)
    monkeypatch.setattr(encoder, "REQUESTED", 20_000)
    monkeypatch.setattr(encoder, "WIDTH", 4)
    rows = encoder.cache_table(tmp_path).rows
    assert [row[-1] for row in rows] == ["20,000", "0", "200"]
    assert all(re.fullmatch(r"\d+\.\d", row[1]) for row in rows)
