"""The ensemble of the API is that of a run, its explanations add up, and evaluation counts right."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import chatrec
from chatrec.config import Settings
from chatrec.encoder.embed import ITEMS, embed, prepare_encoder
from chatrec.evaluation import metrics
from chatrec.evaluation.holdout import hold_out
from chatrec.extract.dataset_files import write_dataset
from chatrec.pipeline.offline import KEY, STEPS_OF_A_SPLIT, perform
from chatrec.ranking.lists import RECOMMENDATIONS
from chatrec.runs.run import Run
from tests.support.api import ITEMS as COUNT
from tests.support.api import shop, tables
from tests.support.models import untrained


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("encoder")
    return untrained(root / "gpt2", shop().items["title"].to_list())


@pytest.fixture(scope="module")
def encoder(folder: Path) -> chatrec.TextEncoder:
    return chatrec.TextEncoder(str(folder), device="cpu", dimensions=8, cache=str(folder.parent / "cache"))


@pytest.fixture(scope="module")
def ensemble(encoder: chatrec.TextEncoder) -> chatrec.Ensemble:
    return chatrec.Ensemble("next_item", encoder=encoder, minutes=0).fit(shop())


def settings(folder: Path, root: Path) -> Settings:
    chosen = {
        "encoder.model": str(folder),
        "encoder.device": "cpu",
        "advanced.encoder.dimensions": 8,
        "aigc.minutes": 0,
    }
    return Settings().override({**chosen, "artifacts.root": root, "ranking.target": "next_item", "ranking.top_n": 6})


@pytest.mark.filterwarnings("ignore::chatrec.errors.ChatrecWarning")
def test_its_lists_are_those_of_a_run(ensemble: chatrec.Ensemble, folder: Path, tmp_path: Path) -> None:
    run, dataset = Run(tmp_path, KEY), shop()
    write_dataset(dataset, run.fresh_folder("extract"))
    perform(STEPS_OF_A_SPLIT, run, settings(folder, tmp_path))
    rows = pl.read_parquet(run.step_folder("rank") / RECOMMENDATIONS)
    expected = rows.select(
        user_id=dataset.users["user_id"].gather(rows["user"]),
        rank=pl.col("rank").cast(pl.Int32),
        item_id=dataset.items["item_id"].gather(rows["item"]),
        score="score",
    )
    assert_frame_equal(ensemble.recommend(k=6), expected)


def test_weights_are_of_models(ensemble: chatrec.Ensemble) -> None:
    assert ensemble.weights_
    assert all(weight > 0 for weight in ensemble.weights_.values())


def test_an_explanation_adds_up(ensemble: chatrec.Ensemble) -> None:
    dataset = shop()
    for user, item in ensemble.recommend([5, 8], k=2).select("user_id", "item_id").rows():
        found = ensemble.explain(user, item, events=50)
        assert found.columns == ["source", "kind", "share", "item_id", "contribution"]
        shares = found.unique("source", maintain_order=True)["share"]
        assert shares.sum() == pytest.approx(1)
        assert shares.is_sorted(descending=True)
        parts = found.drop_nulls().group_by("source").agg(pl.col("contribution").sum(), pl.col("share").first())
        np.testing.assert_allclose(parts["contribution"], parts["share"], rtol=1e-5)
        history = dataset.items["item_id"].gather(dataset.interactions.of(int(dataset.user_rows(user)[0])))
        assert set(found["item_id"].drop_nulls()) <= set(history)


def test_an_explanation_may_be_short(ensemble: chatrec.Ensemble) -> None:
    (item,) = ensemble.recommend(5, k=1)["item_id"]
    assert ensemble.explain(5, item, events=1).group_by("source").len()["len"].max() == 1


def test_texts_become_the_vectors_of_a_run(encoder: chatrec.TextEncoder, folder: Path, tmp_path: Path) -> None:
    dataset = shop()
    vectors = encoder.fit(encoder.item_texts(dataset)).encode(encoder.item_texts(dataset))
    snapshot = write_dataset(dataset, tmp_path)
    prepare_encoder(snapshot, settings(folder, tmp_path), tmp_path)
    embed(snapshot, settings(folder, tmp_path), tmp_path, KEY)
    np.testing.assert_allclose(vectors, np.load(tmp_path / ITEMS), atol=1e-4)


def test_vectors_are_of_unit_length(folder: Path, tmp_path: Path) -> None:
    encoder = chatrec.TextEncoder(str(folder), device="cpu", cache=str(tmp_path))
    with pytest.warns(chatrec.ChatrecWarning, match="all texts are about equally distant"):
        encoder.fit(shop().items["title"].to_list())
    vectors = encoder.encode(["rocket star", "", "bread   butter", "bread butter"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 0, 1, 1], rtol=1e-5)
    np.testing.assert_array_equal(vectors[2], vectors[3])
    assert encoder.encode([]).shape == (0, vectors.shape[1])


def test_an_encoder_is_saved_with_its_ensemble(ensemble: chatrec.Ensemble, tmp_path: Path) -> None:
    ensemble.save(tmp_path / "model")
    loaded = chatrec.load(tmp_path / "model")
    assert loaded.encoder == ensemble.encoder
    assert loaded.weights_ == ensemble.weights_
    assert_frame_equal(loaded.recommend([3, 4]), ensemble.recommend([3, 4]))


@pytest.mark.parametrize(
    ("split", "target"), [("temporal", "next_period"), ("leave_one_out", "next_item"), ("random", "random")]
)
def test_an_evaluation_is_that_of_a_holdout(split: str, target: str) -> None:
    dataset = shop()
    found = chatrec.evaluate(chatrec.models.EASE(), dataset, split, ["ndcg@10", "recall@3", "coverage@5"], seed=3)  # type: ignore[arg-type]
    held = hold_out(dataset.interactions, dataset.available, True, target, 3)  # type: ignore[arg-type]
    rest = chatrec.models.EASE().fit(dataset.with_interactions(held.histories))
    lists = held.lists(rest.model_.score)
    expected = {
        "ndcg@10": metrics.ndcg(held.hits(lists), held.relevant).mean(),
        "recall@3": metrics.recall(held.hits(lists[:, :3]), held.relevant).mean(),
        "coverage@5": len(np.unique(lists[:, :5])) / COUNT,
    }
    assert dict(zip(found["metric"], found["value"], strict=True)) == pytest.approx(expected)
    assert found["users"].to_list() == [len(held)] * 3
    measured = found.drop_nulls()
    assert (measured["low"] <= measured["value"]).all()
    assert (measured["value"] <= measured["high"]).all()


def test_models_are_compared_under_their_names() -> None:
    models = {"two": chatrec.models.EASE(l2=2.0), "popular": chatrec.models.Popularity()}
    found = chatrec.evaluate(models, shop(), "leave_one_out")
    assert found["model"].to_list() == ["two", "two", "popular", "popular"]
    twice = chatrec.evaluate([chatrec.models.EASE(l2=2.0), chatrec.models.EASE(l2=3.0)], shop(), "leave_one_out")
    assert twice["model"].n_unique() == 2
    assert all(model.dataset_ is None for model in models.values())


def test_the_ensemble_is_evaluated_too() -> None:
    models = [chatrec.Ensemble("next_item", encoder="none", minutes=0), chatrec.models.Popularity()]
    bare = chatrec.Dataset.from_frames(tables()["interactions"])
    found = chatrec.evaluate(models, bare, "leave_one_out", ["ndcg@10"])
    values = dict(zip(found["model"], found["value"], strict=True))
    assert values["Ensemble"] > values["Popularity"]
