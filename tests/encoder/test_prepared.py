"""How a model reads within the time of a CPU: chosen by the measured rate, remembered, and known without the model."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from chatrec.config import Settings
from chatrec.encoder import budget, checkpoint, model_selection, prepared, registry
from chatrec.encoder.budget import load
from chatrec.encoder.model_selection import HASHING, SelectedModel, choose
from chatrec.encoder.prepared import PreparedEncoder, prepare, select
from chatrec.extract.snapshot import Snapshot
from tests.support.models import encoder_settings


def chosen(snapshot: Snapshot, made: Settings) -> PreparedEncoder:
    return prepare(snapshot, made)[1]


@pytest.mark.parametrize(
    ("rate", "pooling", "layer"),
    [(1e9, "prompt", 2), (4.0, "mean", 1), (1e-6, "mean", 1)],
    ids=["everything fits", "the mean fits", "nothing fits"],
)
def test_the_reading_fits_the_time(
    snapshot: Snapshot,
    llama_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rate: float,
    pooling: str,
    layer: int,
) -> None:
    monkeypatch.setattr(budget, "_rate", lambda *_: rate)
    found = chosen(snapshot, encoder_settings(tmp_path, llama_folder, minutes=0.5))
    assert (found.pooling, found.layer, found.tokens_per_second) == (pooling, layer, rate)


def test_more_time_is_a_better_reading(
    snapshot: Snapshot, llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Costs are counted, not timed: tokens with the prompt, and layers."""
    monkeypatch.setattr(budget, "_rate", lambda *_: 100.0)
    minutes = (1e-4, 0.01, 0.1, 1, 10)
    usual = Settings().encoder_config
    found = [chosen(snapshot, encoder_settings(tmp_path, llama_folder, minutes=each)) for each in minutes]
    depths = [each.settings(usual).layer for each in found]
    assert depths == sorted(depths)
    assert (depths[0], depths[-1]) == (1, 2)


def test_too_little_time_for_anything_is_said(
    snapshot: Snapshot,
    llama_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(budget, "_rate", lambda *_: 1e-3)
    chosen(snapshot, encoder_settings(tmp_path, llama_folder, minutes=1))
    assert "encoder.minutes is 1: raise it, use a GPU, or choose a smaller encoder.model." in caplog.text


def test_a_reading_is_remembered(
    snapshot: Snapshot, llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = encoder_settings(tmp_path, llama_folder)
    first = chosen(snapshot, made)
    assert first.tokens_per_second > 0
    monkeypatch.setattr(budget, "_rate", lambda *_: pytest.fail("measured again"))
    monkeypatch.setattr(checkpoint, "load", lambda *_: pytest.fail("loaded again"))
    assert chosen(snapshot, made) == first


def test_what_is_prepared_is_what_is_loaded(snapshot: Snapshot, llama_folder: Path, tmp_path: Path) -> None:
    made = encoder_settings(tmp_path, llama_folder)
    choice, found = prepare(snapshot, made)
    loaded = load(choice, found, made)
    assert (loaded.fingerprint, loaded.width, loaded.weights) == (found.fingerprint, found.width, found.weights)
    whole = checkpoint.load(llama_folder, made.encoder_config)
    assert (loaded.reading, loaded.fingerprint) == (whole.reading, whole.fingerprint)


@pytest.mark.parametrize("change", [{"layer": 1}, {"pooling": "last"}, {"minutes": 1}, {"precision": "bfloat16"}])
def test_other_settings_are_chosen_for_anew(
    snapshot: Snapshot, llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    chosen(snapshot, encoder_settings(tmp_path, llama_folder))
    loads: list[Any] = []
    real = checkpoint.load
    monkeypatch.setattr(checkpoint, "load", lambda *arguments: loads.append(arguments) or real(*arguments))
    found = chosen(snapshot, encoder_settings(tmp_path, llama_folder, **change))
    assert loads
    assert {"layer": found.layer, "pooling": found.pooling}.items() & change.items() == (
        change.items() & {"layer": 1, "pooling": "last"}.items()
    )


def test_named_layers_are_read_whatever_it_takes(
    snapshot: Snapshot, llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "_rate", lambda *_: pytest.fail("measured"))
    found = chosen(snapshot, encoder_settings(tmp_path, llama_folder, layer=3, minutes=1e-9))
    assert (found.layer, found.pooling) == (3, "prompt")


def test_other_weights_in_the_same_folder_have_other_vectors(
    snapshot: Snapshot, llama_folder: Path, gpt2_folder: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(gpt2_folder, model)
    first = chosen(snapshot, encoder_settings(tmp_path, model))
    shutil.rmtree(model)
    shutil.copytree(llama_folder, model)
    assert chosen(snapshot, encoder_settings(tmp_path, model)).fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("small", "changes", "expected"),
    [
        (True, {}, HASHING),
        (True, {"pooling": "last"}, "gpt2"),
        (True, {"layer": 1}, "gpt2"),
        (True, {"model": "local"}, "local"),
        (True, {"device": "cuda"}, "gpt2"),
        (False, {}, "gpt2"),
        (False, {"model": HASHING}, HASHING),
    ],
    ids=["small log", "pooling is set", "layer is set", "model is set", "GPU", "large log", "hashing is set"],
)
def test_a_small_log_on_a_cpu_is_worth_no_language_model(
    snapshot: Snapshot,
    gpt2_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small: bool,
    changes: dict[str, Any],
    expected: str,
) -> None:
    found = SelectedModel("gpt2", gpt2_folder, "it is in the cache")
    monkeypatch.setattr(model_selection, "_cached_gpt2", lambda: found)
    monkeypatch.setattr(prepared, "LARGE_LOG", len(snapshot.histories.items) + small)
    selected = select(snapshot, encoder_settings(tmp_path, **{"model": Path("auto"), **changes}))
    assert selected.kind == expected


def test_a_promoted_encoder_encodes_a_small_log(snapshot: Snapshot, gpt2_folder: Path, tmp_path: Path) -> None:
    made = encoder_settings(tmp_path, Path("auto"))
    assert select(snapshot, made).kind == HASHING
    with registry.creating(tmp_path / registry.FOLDER / "tuned-1", "lora", "gpt2", True, {}) as folder:
        shutil.copytree(gpt2_folder, folder, dirs_exist_ok=True)
    registry.promote(tmp_path, "tuned-1")
    assert select(snapshot, made).kind == "tuned"


def test_a_private_run_counts_no_events_to_select_a_model(
    snapshot: Snapshot, gpt2_folder: Path, tmp_path: Path
) -> None:
    made = encoder_settings(tmp_path, Path("auto")).override({"privacy.enabled": True})
    assert select(snapshot, made).kind == choose(made).kind
