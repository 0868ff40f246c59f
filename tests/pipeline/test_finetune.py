"""Fine-tuning on a published run: a better encoder is promoted, and vectors of two encoders never meet."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chatrec.config import Settings
from chatrec.encoder import checkpoint, registry
from chatrec.encoder.embed import ITEMS
from chatrec.encoder.encode import encode_all
from chatrec.encoder.model_selection import CATALOGUE
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.texts import item_texts
from chatrec.encoder.training import loop
from chatrec.encoder.whitening import Whitening, chosen
from chatrec.errors import RunError
from chatrec.evaluation.cold_start import pseudo_cold
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline.finetune import STEPS, finetune
from chatrec.pipeline.finetune_runs import FOLDER
from chatrec.runs.run import Manifest, Run, runs_under
from chatrec.runtime.progress import Silent
from tests.support.finished import FIRST, LARGE, Finished, complete
from tests.support.kills import KEY, kill_at


class Tuning:
    """A shop after a run, and fine-tunings of it."""

    def __init__(self, finished: Finished) -> None:
        self.shop, self.settings = finished.shop, finished.settings
        self.root = self.settings.artifacts.root

    def tune(self, **changes: Any) -> dict[str, dict[str, Any]]:
        """Does a fine-tuning; returns what its steps counted."""
        results: dict[str, Any] = {}

        def watch(step: Any, manifest: Manifest | None) -> None:
            if manifest:
                results[step.name] = manifest.result

        chosen = {key.replace("__", "."): value for key, value in changes.items()}
        finetune(self.settings.override(chosen), None, watch)
        return results

    def vectors(self, key: str) -> np.ndarray:
        """Of the items, as a run has them."""
        found: np.ndarray = np.load(Run(self.root, key).step_folder("embed") / ITEMS)
        return found

    def by(self, encoder: Path) -> np.ndarray:
        """Of the items, by one encoder and nothing else, without any store."""
        items = Snapshot(runs_under(self.root)[-1].step_folder("extract")).items
        loaded = checkpoint.load(encoder, self.settings.encoder_config, pretrained=False)
        raw = encode_all(loaded, item_texts(items, self.settings.text.item), Silent(), EncodingCost())
        return Whitening.fit([raw], loaded.width, *chosen(self.settings.encoder_config, CATALOGUE))(raw)


@pytest.fixture
def tuning(large: Finished) -> Tuning:
    return Tuning(large)


@pytest.fixture(scope="module")
def tuned(
    server: str, server_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Tuning, dict[str, Any]]]:
    """A fine-tuning that was promoted."""
    for finished in LARGE.copy(server, server_folder, tmp_path_factory.mktemp("tuned")):
        made = Tuning(finished)
        yield made, made.tune()


def test_a_better_encoder_is_promoted(tuned: tuple[Tuning, dict[str, Any]]) -> None:
    made, results = tuned
    assert list(results) == [step.name for step in STEPS]
    gain, low, high = results["compare"].gain
    assert 0 < low < gain < high
    assert results["compare"].candidate_ndcg > results["compare"].live_ndcg
    assert results["promote"].promoted
    live = registry.live(made.root)
    assert live is not None
    assert live.name == results["train"].encoder
    local, candidate = registry.versions(made.root)
    assert (local.how, candidate.how, candidate.start) == ("local", "full", str(live.with_name(local.name)))
    assert candidate.scores["gain"] == [gain, low, high]
    assert candidate.scores["ndcg@10"] > local.scores["ndcg@10"] > 0
    assert (live / "curve-pairs.png").exists()


def test_the_swap_costs_no_run_and_going_back_is_one_step(tuned: tuple[Tuning, dict[str, Any]]) -> None:
    made, results = tuned
    second = complete(made.settings)
    assert second.results["encoder"].encoder == results["train"].encoder
    assert "promoted" in second.results["encoder"].reason
    assert second.results["embed"].texts_embedded == 0
    assert second.results["embed"].fingerprint == results["embed"].candidate.fingerprint
    assert (made.vectors(second.key) != made.vectors(FIRST)).any()
    registry.rollback(made.root)
    third = complete(made.settings)
    assert third.results["embed"].texts_embedded == 0
    assert (made.vectors(third.key) == made.vectors(FIRST)).all()
    assert made.shop.lists() != []


def test_a_named_model_is_not_replaced(tuned: tuple[Tuning, dict[str, Any]]) -> None:
    """Who names a model gets it, whatever is live."""
    made, _ = tuned
    local, candidate = registry.versions(made.root)
    registry.promote(made.root, candidate.name)
    model = str(made.root / registry.FOLDER / local.name)
    assert complete(made.settings.override({"encoder.model": model})).results["encoder"].encoder == local.name
    decided = made.tune(encoder__model=model)["promote"]
    assert not decided.promoted
    assert "encoder.model names a model" in decided.verdict


def test_no_gain_no_promotion(tuning: Tuning) -> None:
    results = tuning.tune(finetune__steps=0)
    assert results["compare"].gain == (0, 0, 0)
    assert not results["promote"].promoted
    assert "not significantly above zero" in results["promote"].verdict
    assert registry.live(tuning.root) is None


def test_a_candidate_may_wait_for_a_person(tuning: Tuning) -> None:
    results = tuning.tune(finetune__promote=False)
    assert results["compare"].gain[1] > 0
    assert f"`chatrec encoders use {results['train'].encoder}`" in results["promote"].verdict
    assert registry.live(tuning.root) is None


def test_vectors_of_two_encoders_never_meet(tuning: Tuning) -> None:
    """The live encoder changes while a run is half embedded: all vectors of the run are of one of them."""
    name = tuning.tune(finetune__promote=False)["train"].encoder
    tuning.shop.execute("UPDATE films SET plot = plot || ' dusk'")  # texts that neither encoder knows
    kill_at("embed:some texts encoded")
    registry.promote(tuning.root, name)
    assert complete(tuning.settings, KEY).state == "published"
    found = tuning.vectors(KEY)
    of_both = [tuning.by(tuning.root / registry.FOLDER / version.name) for version in registry.versions(tuning.root)]
    old, new = ((found * each).sum(1) for each in of_both)
    assert new.min() > 0.999
    assert np.median(old) < 0.99


def test_a_killed_fine_tuning_is_gone_on_with(
    tuning: Tuning, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    advance = loop._Training.advance

    def stop(training: loop._Training) -> None:
        if training.step == 7:
            raise KeyboardInterrupt
        advance(training)

    monkeypatch.setattr(loop, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    monkeypatch.setattr(loop._Training, "advance", stop)
    with pytest.raises(KeyboardInterrupt):
        tuning.tune()
    monkeypatch.setattr(loop._Training, "advance", advance)
    with caplog.at_level(logging.INFO):
        results = tuning.tune()
    assert "Resuming fine-tuning" in caplog.text
    assert "Resuming at step 8." in caplog.text
    assert results["train"].trainings["pairs"].steps == 60
    assert len(list((tuning.root / FOLDER).iterdir())) == 1


def test_nothing_is_learned_of_the_items_that_candidates_are_measured_by(tuning: Tuning) -> None:
    """Whoever took them: the candidate has the same weights."""
    weights = []
    for number in range(2):
        if number:
            complete(tuning.settings)
        name = tuning.tune(finetune__promote=False, advanced__finetune__tokens=20_000)["train"].encoder
        weights.append((tuning.root / registry.FOLDER / name / "model.safetensors").read_bytes())
        hidden = np.flatnonzero(pseudo_cold(range(240), tuning.settings.compute.seed)).tolist()
        tuning.shop.execute("DELETE FROM views WHERE film = ANY(%s)", (hidden,))
        assert len(registry.versions(tuning.root)) == number + 2
    assert weights[0] == weights[1]


def test_without_a_published_run_there_is_nothing_to_learn_from(
    settings: Settings, configure: Callable[..., Settings]
) -> None:
    with pytest.raises(RunError, match="No run has been published"):
        finetune(settings, None, lambda step, manifest: None)
