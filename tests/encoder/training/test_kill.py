"""A training that is killed goes on where it was, and comes to the same weights to the bit."""

import logging
from pathlib import Path

import pytest
from safetensors.torch import load_file

from chatrec.encoder import registry
from tests.support.training_kills import kill_before, train

STEPS = {"local": 11, "next-token": 5, "full": 6, "lora": 6}


@pytest.mark.parametrize("what", STEPS)
def test_a_killed_training_comes_to_the_same_weights(
    what: str, gpt2_folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    undisturbed, target = tmp_path / "a" / "undisturbed", tmp_path / "b" / "target"
    train(what, gpt2_folder, undisturbed)
    kill_before(STEPS[what], what, gpt2_folder, target)
    assert not target.exists()
    with caplog.at_level(logging.INFO):
        train(what, gpt2_folder, target)
    assert f"Resuming at step {STEPS[what] + 1}." in caplog.text
    expected, found = (load_file(folder / "model.safetensors") for folder in (undisturbed, target))
    assert expected.keys() == found.keys()
    assert all((expected[name] == found[name]).all() for name in expected)
    curves = [next(folder.glob("curve-*.json")).read_bytes() for folder in (undisturbed, target)]
    assert curves[0] == curves[1]
    assert not registry.work_folder(target).exists()
